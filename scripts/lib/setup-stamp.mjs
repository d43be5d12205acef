// Whether the dependencies and builds are those of the current files: a fingerprint of all inputs, kept in node_modules.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './npx.mjs'

/** Its time of change is the last time that the setup ran or found nothing to do. */
export const stampFile = 'node_modules/.cache/ottla-setup'

const rootInputs = [
  'package.json',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  'turbo.json',
  'tsconfig.base.json',
  'tsup.base.ts',
  'scripts/cjs-twins.mjs',
]

/** The folders of pnpm-workspace.yaml. */
function workspaces() {
  const [, list = ''] = /^packages: \[(.*)\]$/m.exec(readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8')) ?? []
  const patterns = list.split(', ')
  if (!patterns.includes('packages/*')) throw new Error('pnpm-workspace.yaml has no list of packages in one line')
  return patterns.flatMap((pattern) => {
    const parent = /^(.*)\/\*$/.exec(pattern)?.[1]
    return parent === undefined ? [pattern] : readdirSync(join(root, parent)).map((name) => `${parent}/${name}`)
  })
}

/** @param {string} folder */
function isBuilt(folder) {
  return existsSync(join(root, folder, 'tsup.config.ts'))
}

/**
 * The inputs of `build` in turbo.json, and the manifest that the installation depends on.
 * @param {string} folder
 * @returns {string[]}
 */
function inputsOf(folder) {
  const manifest = `${folder}/package.json`
  if (!isBuilt(folder)) return [manifest]
  const configs = readdirSync(join(root, folder)).filter((name) => /^(tsconfig.*\.json|tsup\.config\.ts)$/.test(name))
  const sources = readdirSync(join(root, folder, 'src'), { recursive: true, encoding: 'utf8' })
  return [
    manifest,
    ...configs.map((name) => `${folder}/${name}`),
    ...sources.filter((name) => !name.endsWith('.test.ts')).map((name) => `${folder}/src/${name}`),
  ]
}

/** A hash of the paths, sizes and times of all inputs. */
export function fingerprint() {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}\n`)
  for (const path of [...rootInputs, ...workspaces().flatMap(inputsOf)]) {
    const stats = statSync(join(root, path))
    if (stats.isFile()) hash.update(`${path} ${stats.size} ${stats.mtimeMs}\n`)
  }
  return hash.digest('hex')
}

/** @param {string} current what `fingerprint` returned */
export function isUpToDate(current) {
  const file = join(root, stampFile)
  if (!existsSync(file)) return false
  if (!workspaces().every((folder) => !isBuilt(folder) || existsSync(join(root, folder, 'dist')))) return false
  if (readFileSync(file, 'utf8') !== current) return false
  const now = new Date()
  utimesSync(file, now, now)
  return true
}

/** @param {string} current what `fingerprint` returned before the build: a file that changed during it counts as changed */
export function markUpToDate(current) {
  const file = join(root, stampFile)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, current)
}
