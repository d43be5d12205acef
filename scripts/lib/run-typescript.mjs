// Runs a TypeScript program of a package, bundled first: Node 20 cannot run TypeScript.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build } from 'tsup'

/**
 * Bundles a program for as long as `use` runs.
 * @template T
 * @param {string} folder the package
 * @param {string} entry within the package
 * @param {(command: readonly string[]) => Promise<T> | T} use receives the arguments of Node that start the program
 * @returns {Promise<T>}
 */
export async function withProgram(folder, entry, use) {
  // Inside the package, so that the program finds the package's dependencies.
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
    return await use(['--enable-source-maps', join(outDir, `${basename(entry, '.ts')}.mjs`)])
  } finally {
    rmSync(outDir, { recursive: true, force: true })
  }
}

/**
 * @param {string} folder the package
 * @param {string} entry within the package
 * @param {readonly string[]} args
 * @param {readonly string[]} [nodeFlags]
 * @returns {Promise<number>} the exit code
 */
export function runTypeScript(folder, entry, args, nodeFlags = []) {
  return withProgram(folder, entry, (command) => {
    const all = [...nodeFlags, ...command, ...args]
    return spawnSync(process.execPath, all, { cwd: folder, stdio: 'inherit' }).status ?? 1
  })
}
