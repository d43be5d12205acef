import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Options } from 'tsup'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allBlocks, type Block, moduleOf } from '../scripts/lib/doc-blocks.mjs'
import { skipReason } from '../tools/skip-reason.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const folder = join(here, '.run')
const timeoutMs = 60_000

const blocks = allBlocks()
const usesVitest = ({ code }: Block): boolean => /from 'vitest'/.test(code)
const sourceOf = (block: Block): string => `${block.name}${usesVitest(block) ? '.test' : ''}.ts`

const vitestConfig = { test: { setupFiles: [join(here, 'run/test-globals.ts')], testTimeout: timeoutMs } }

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

/** What a block imports instead of a package: all of it, with these exports replaced. */
const replaced: Readonly<Record<string, string>> = {
  ottla: `export { Kafka } from './run/clients.ts'`,
  '@ottla/testkit': `export { createCluster } from './run/clusters.ts'`,
}

const wrapPackages: Plugin = {
  name: 'wrap-packages',
  setup: (builder) => {
    builder.onResolve({ filter: /^(ottla|@ottla\/testkit)$/ }, ({ path, importer }) =>
      importer.startsWith(folder) ? { path, namespace: 'wrapped' } : { path, external: true },
    )
    // The same consumers, so the same module.
    builder.onResolve({ filter: /^ottla\/engine$/ }, ({ path }) => ({ path, external: true }))
    builder.onLoad({ filter: /.*/, namespace: 'wrapped' }, ({ path }) => ({
      contents: `export * from '${path}'\n${replaced[path]}\n`,
      resolveDir: here,
      loader: 'ts',
    }))
  },
}

beforeAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  writeFileSync(join(folder, 'vitest.config.mjs'), `export default ${JSON.stringify(vitestConfig)}\n`)
  for (const block of blocks) writeFileSync(join(folder, sourceOf(block)), moduleOf(block))
  const entries = blocks.filter((block) => !usesVitest(block)).map(({ name }) => [name, join(folder, `${name}.ts`)])
  await build({
    config: false,
    entry: { ...Object.fromEntries(entries), main: join(here, 'run/main.ts') },
    outDir: folder,
    clean: false,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    silent: true,
    splitting: true,
    sourcemap: 'inline',
    skipNodeModulesBundle: true,
    // Left to wrapPackages, which comes after tsup's own plugin.
    noExternal: Object.keys(replaced),
    removeNodeProtocol: false,
    outExtension: () => ({ js: '.mjs' }),
    esbuildPlugins: [wrapPackages],
  })
}, timeoutMs)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A block runs in a process and a directory of its own. */
async function execute(block: Block): Promise<{ code: number | null; output: string }> {
  const cwd = mkdtempSync(join(tmpdir(), 'ottla-docs-'))
  const source = join(folder, sourceOf(block))
  const program = ['--enable-source-maps', join(folder, 'main.mjs'), join(folder, `${block.name}.mjs`), source]
  const vitest = [join(here, '../node_modules/vitest/vitest.mjs'), 'run', '--root', folder, sourceOf(block)]
  const child = spawn(process.execPath, usesVitest(block) ? vitest : program, {
    cwd,
    env: { ...process.env, KAFKA_PASSWORD: 'alice-secret' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += chunk
    })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  rmSync(cwd, { recursive: true, force: true })
  return { code, output }
}

describe.concurrent('code blocks of the documentation', { timeout: timeoutMs }, () => {
  for (const block of blocks) {
    const { page, line, notRun } = block
    test.skipIf(notRun !== undefined)(`${page}, line ${line}, runs`, skipReason(notRun ?? ''), async () => {
      const { code, output } = await execute(block)
      expect(code, output).toBe(0)
      expect(output).not.toMatch(/Warning: /)
    })
  }
})
