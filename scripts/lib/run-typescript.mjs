// Runs a TypeScript program of a package, bundled first: Node 20 cannot run TypeScript.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build } from 'tsup'

/**
 * The bundle is inside the package while it runs, so that it finds the package's dependencies.
 * @param {string} folder the package
 * @param {string} entry within the package
 * @param {readonly string[]} args
 * @param {readonly string[]} [nodeFlags]
 * @returns {Promise<number>} the exit code
 */
export async function runTypeScript(folder, entry, args, nodeFlags = []) {
  const outDir = join(folder, 'node_modules/.cache', `ottla-${basename(entry, '.ts')}-${process.pid}`)
  try {
    await build({
      config: false,
      entry: [join(folder, entry)],
      outDir,
      format: 'esm',
      target: 'node20',
      platform: 'node',
      silent: true,
      splitting: false,
      sourcemap: 'inline',
      skipNodeModulesBundle: true,
      outExtension: () => ({ js: '.mjs' }),
    })
    const program = join(outDir, `${basename(entry, '.ts')}.mjs`)
    const flags = ['--enable-source-maps', ...nodeFlags]
    return spawnSync(process.execPath, [...flags, program, ...args], { cwd: folder, stdio: 'inherit' }).status ?? 1
  } finally {
    rmSync(outDir, { recursive: true, force: true })
  }
}
