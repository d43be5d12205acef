// Runs a TypeScript program of a package, bundled first: Node 20 cannot run TypeScript.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'tsup'

/**
 * The bundle is inside the package while it is in use, so that it finds the package's dependencies.
 * @template T
 * @param {string} folder the package
 * @param {string} entry within the package
 * @param {(program: string) => T | Promise<T>} use called with the path of the bundle
 * @returns {Promise<T>}
 */
async function bundled(folder, entry, use) {
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
    return await use(join(outDir, `${basename(entry, '.ts')}.mjs`))
  } finally {
    rmSync(outDir, { recursive: true, force: true })
  }
}

/**
 * Bundles a program for as long as `use` runs.
 * @template T
 * @param {string} folder the package
 * @param {string} entry within the package
 * @param {(command: readonly string[]) => Promise<T> | T} use receives the arguments of Node that start the program
 * @returns {Promise<T>}
 */
export function withProgram(folder, entry, use) {
  return bundled(folder, entry, (program) => use(['--enable-source-maps', program]))
}

/**
 * @param {string} folder the package
 * @param {string} entry within the package
 * @param {readonly string[]} args
 * @param {readonly string[]} [nodeFlags]
 * @returns {Promise<number>} the exit code
 */
export function runTypeScript(folder, entry, args, nodeFlags = []) {
  return bundled(folder, entry, (program) => {
    const flags = ['--enable-source-maps', ...nodeFlags]
    return spawnSync(process.execPath, [...flags, program, ...args], { cwd: folder, stdio: 'inherit' }).status ?? 1
  })
}

/**
 * Imports a module into this process, for a program that needs what only scripts can import.
 * @param {string} folder the package
 * @param {string} entry within the package
 * @returns {Promise<Record<string, unknown>>} its exports
 */
export function importTypeScript(folder, entry) {
  return bundled(folder, entry, (program) => import(pathToFileURL(program).href))
}
