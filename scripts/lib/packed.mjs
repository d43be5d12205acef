// The tarballs of `npm run pack`, installed as a user installs them.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './npx.mjs'

const artifacts = join(root, 'artifacts')

/** The package.json of every package in packages/. */
export const manifests = readdirSync(join(root, 'packages')).map((folder) =>
  JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8')),
)

/** The names of the tarballs in artifacts/. Throws when there is not one for each package. */
export function tarballs() {
  const names = readdirSync(artifacts).filter((name) => name.endsWith('.tgz'))
  if (names.length !== manifests.length) {
    throw new Error(`Expected ${manifests.length} tarballs in artifacts/, found ${names.length}. Run \`npm run pack\`.`)
  }
  return names
}

/**
 * Installs the tarballs in a new folder outside the repository, runs `use` with its path and removes it.
 * @param {(folder: string) => void | Promise<void>} use
 */
export async function withInstalledPackages(use) {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-packed-'))
  try {
    const dependencies = {}
    for (const name of tarballs()) {
      copyFileSync(join(artifacts, name), join(folder, name))
      const listed = spawnSync('tar', ['-xOzf', name, 'package/package.json'], { cwd: folder, encoding: 'utf8' })
      dependencies[JSON.parse(listed.stdout).name] = `file:./${name}`
    }
    const manifest = { name: 'user', private: true, dependencies, overrides: dependencies }
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    const install = ['install', '--no-audit', '--no-fund', '--loglevel=error', '--omit=peer']
    const { status, stdout, stderr } = spawnSync('npm', install, { cwd: folder, encoding: 'utf8', timeout: 300_000 })
    if (status !== 0) throw new Error(`npm install of the tarballs failed:\n${stdout}${stderr}`)
    await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Counts checks and prints a line for each, with what the program printed only when it failed. */
export class Report {
  #failed = 0

  /**
   * @param {string} title
   * @param {string | undefined} problem Why it failed; undefined when it passed.
   */
  add(title, problem) {
    console.log(`${problem === undefined ? 'ok    ' : 'FAILED'} ${title}`)
    if (problem === undefined) return
    this.#failed++
    console.log(problem)
  }

  /** Runs a program to its end and adds the result. */
  run(title, command, args, options = {}) {
    const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8', ...options })
    this.add(title, status === 0 ? undefined : `${stdout ?? ''}${stderr ?? ''}${error ? `${error.message}\n` : ''}`)
  }

  /** Prints `allPassed` or the number of failures, and ends the process. */
  finish(allPassed) {
    console.log(this.#failed === 0 ? allPassed : `${this.#failed} checks failed.`)
    process.exit(this.#failed === 0 ? 0 : 1)
  }
}
