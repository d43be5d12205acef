// `npm run check:types`: compiles the programs of scripts/type-matrix against the packed packages, with the oldest
// TypeScript that is supported, two in between and the newest, without skipLibCheck. Each is combined with the oldest @types/node
// that it reads or a newer one.
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root } from './lib/npx.mjs'
import { Report, withInstalledPackages } from './lib/packed.mjs'

const matrix = join(root, 'scripts/type-matrix')

/** `using` needs TypeScript 5.2; the types of Vitest itself need a recent one. */
const compilers = [
  { typescript: 'typescript-5.0', nodeTypes: 'node-types-20.17', leftOut: ['using', 'vitest'] },
  { typescript: 'typescript-5.4', nodeTypes: 'node-types-20.19', leftOut: ['vitest'] },
  { typescript: 'typescript-5.9', nodeTypes: 'node-types-22', leftOut: [] },
  { typescript: 'typescript', nodeTypes: 'node-types-26', leftOut: [] },
]

/** How a project may resolve modules. `extensions`: those of the copies of each program that are compiled. */
const nodenext = { module: 'nodenext', moduleResolution: 'nodenext', extensions: ['mts', 'cts'] }
const bundler = { module: 'esnext', moduleResolution: 'bundler', extensions: ['ts'] }
const node10 = { module: 'commonjs', moduleResolution: 'node10', extensions: ['ts'] }

/** TypeScript 7 has no node10 any more. Between the others the way to resolve does not differ, so one of each is enough. */
const runs = [
  ...compilers.map((compiler) => ({ ...compiler, ...nodenext })),
  { ...compilers[0], ...bundler },
  { ...compilers[0], ...node10 },
  { ...compilers[3], ...bundler },
]

/** Vitest, and so the fixture for it, has no CommonJS. */
const isEsm = (extension) => extension !== 'cts'

const programs = readdirSync(join(matrix, 'programs')).map((name) => name.replace(/\.ts$/, ''))

/** Copies the programs for one run, and writes its tsconfig.json. Returns the folder. */
function prepare(parent, index, { nodeTypes, module, moduleResolution, extensions, leftOut }) {
  const folder = join(parent, `run-${index}`)
  mkdirSync(join(folder, 'types'), { recursive: true })
  symlinkSync(join(matrix, 'node_modules', nodeTypes), join(folder, 'types/node'))
  const files = []
  for (const program of programs.filter((name) => !leftOut.includes(name))) {
    const text = readFileSync(join(matrix, 'programs', `${program}.ts`), 'utf8')
    for (const extension of program === 'vitest' ? extensions.filter(isEsm) : extensions) {
      const own = text.replace("'./equal.js'", `'./equal.${extension.replace('ts', 'js')}'`)
      writeFileSync(join(folder, `${program}.${extension}`), own)
      files.push(`${program}.${extension}`)
    }
  }
  const compilerOptions = {
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    target: 'es2022',
    // `await using` finds its types in @types/node.
    lib: ['es2022'],
    module,
    moduleResolution,
    typeRoots: ['types'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  return folder
}

/** What tsc reports of our packages and programs. Other packages, such as Vitest, may have errors of their own. */
function problemsOf({ code, output }) {
  const errors = output.split('\n').filter((line) => /error TS\d+/.test(line))
  const others = errors.filter((line) => /node_modules\/(?!@ottla\/|ottla\/)/.test(line))
  if (code !== 0 && errors.length === 0) return output
  const ours = errors.filter((line) => !others.includes(line))
  return ours.length === 0 ? undefined : ours.slice(0, 20).join('\n')
}

/** @returns {Promise<{ code: number | null, output: string }>} */
function compile(typescript, folder) {
  const from = typescript === 'typescript' ? root : matrix
  const tsc = join(from, 'node_modules', typescript, 'lib/tsc.js')
  const child = spawn(process.execPath, [tsc, '--project', folder], { cwd: folder })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })))
}

function versionOf(typescript) {
  const from = typescript === 'typescript' ? root : matrix
  return JSON.parse(readFileSync(join(from, 'node_modules', typescript, 'package.json'), 'utf8')).version
}

const report = new Report()
await withInstalledPackages(async (folder) => {
  symlinkSync(join(root, 'node_modules/vitest'), join(folder, 'node_modules/vitest'))
  const waiting = [...runs.entries()]
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, run] = next
      const result = await compile(run.typescript, prepare(folder, index, run))
      const title = `TypeScript ${versionOf(run.typescript)}, ${run.moduleResolution}, ${run.nodeTypes}`
      report.add(title, problemsOf(result))
    }
  }
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, worker))
})
report.finish('The types compile with every supported TypeScript.')
