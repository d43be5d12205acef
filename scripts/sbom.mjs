// `npm run sbom`: a software bill of materials (CycloneDX) for each package, as artifacts/NAME.cdx.json. npm resolves what a
// user of the packed package gets; the packages of this repository come from their tarballs.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './lib/npx.mjs'
import { stubRegistry } from './lib/stub-registry.mjs'

const artifacts = join(root, 'artifacts')
const upstream = spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).stdout.trim()
const registry = await stubRegistry(artifacts, upstream)
const temp = mkdtempSync(join(tmpdir(), 'ottla-sbom-'))

/** @param {string} command @param {string[]} args @param {string} cwd @returns {Promise<string>} what it printed */
async function run(command, args, cwd) {
  const env = { ...process.env, npm_config_registry: registry.url, npm_config_loglevel: 'error' }
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with exit code ${code}`)
  return output
}

/** The registry of this script no longer exists when the file is read. */
function withoutStub(/** @type {string} */ _key, /** @type {unknown} */ value) {
  return Array.isArray(value) ? value.filter((item) => !String(item?.url ?? '').startsWith(registry.url)) : value
}

try {
  for (const file of readdirSync(artifacts).filter((name) => name.endsWith('.tgz'))) {
    const folder = join(temp, file)
    mkdirSync(folder)
    await run('tar', ['-xzf', join(artifacts, file), '--strip-components=1'], folder)
    // What a user gets: npm sbom would miss the dependencies of development.
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, devDependencies: {} }))
    await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], folder)
    const text = await run('npm', ['sbom', '--sbom-format=cyclonedx', '--sbom-type=library'], folder)
    const target = file.replace(/\.tgz$/, '.cdx.json')
    const bom = JSON.parse(text, withoutStub)
    // npm takes the name of the folder.
    bom.metadata.component.name = manifest.name
    writeFileSync(join(artifacts, target), `${JSON.stringify(bom, null, 2)}\n`)
    console.log(`artifacts/${target}`)
  }
} finally {
  registry.close()
  rmSync(temp, { recursive: true, force: true })
}
