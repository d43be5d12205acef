import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'tsup'
import { afterAll, expect, test } from 'vitest'

const codec = fileURLToPath(new URL('../packages/codec', import.meta.url))
const place = join(codec, 'node_modules/.cache', `ottla-bundle-${process.pid}`)
afterAll(() => rmSync(place, { recursive: true, force: true }))

/** A program that imports these names from the codec, bundled and minified. */
async function bundled(name: string, names: readonly string[]): Promise<string> {
  mkdirSync(place, { recursive: true })
  const entry = join(place, `${name}.ts`)
  const index = JSON.stringify(join(codec, 'src/index.ts'))
  writeFileSync(entry, `import { ${names.join(', ')} } from ${index}\nconsole.log(${names.join(', ')})\n`)
  const outDir = join(place, name)
  const options = { format: 'esm', target: 'node20', platform: 'node' } as const
  await build({ config: false, entry: [entry], outDir, minify: true, silent: true, ...options })
  return readFileSync(join(outDir, `${name}.js`), 'utf8').replace(/\/\/# sourceMappingURL.*/, '')
}

const kilobytes = (text: string) => gzipSync(text, { level: 9 }).length / 1000
const frames = ['encodeRequest', 'decodeResponse', 'FrameSplitter']
const groups = ['FindCoordinator', 'JoinGroup', 'SyncGroup', 'Heartbeat', 'OffsetCommit', 'OffsetFetch']

test('ten APIs, with the three that have generated code, make a small bundle', async () => {
  const text = await bundled('ten', [...frames, 'ApiVersions', 'Fetch', 'Metadata', 'Produce', ...groups])
  expect(text).toContain('JoinGroup')
  expect(text).not.toContain('DescribeConfigs')
  expect(kilobytes(text)).toBeLessThan(25)
})

test('an API brings the generated code of no other', async () => {
  const text = await bundled('one', [...frames, 'FindCoordinator'])
  for (const field of ['preferredReadReplica', 'isrNodes', 'recordErrors']) expect(text).not.toContain(field)
  const metadata = await bundled('metadata', [...frames, 'Metadata'])
  expect(metadata).toContain('isrNodes')
  for (const field of ['preferredReadReplica', 'recordErrors']) expect(metadata).not.toContain(field)
})
