// `npm run mutants -- codec|consumer|producer|testkit [NAME…]`: applies each patch of the suite to a copy of its package, where the
// test that the patch names must then fail by an assertion. The head of a patch describes the bug and names the test:
// `Test: file > describe > test`.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { root } from './lib/npx.mjs'

/** The suites: a package, and the folder of the patches in it. */
const suites = {
  codec: ['packages/codec', 'test/mutants'],
  consumer: ['packages/client', 'test/mutants'],
  producer: ['packages/client', 'test/mutants/producer'],
  testkit: ['packages/testkit', 'test/mutants'],
}

const [suite = '', ...wanted] = process.argv.slice(2)
if (!(suite in suites)) {
  console.error(`usage: npm run mutants -- ${Object.keys(suites).join('|')} [NAME…]`)
  process.exit(2)
}
const [folder = '', patches = ''] = suites[/** @type {keyof typeof suites} */ (suite)]

/** @typedef {{ name: string, text: string, test: string[] }} Mutant */

/** @returns {Mutant[]} */
function mutants() {
  const files = readdirSync(join(root, folder, patches)).filter((file) => file.endsWith('.patch'))
  const named = files.map((file) => {
    const text = readFileSync(join(root, folder, patches, file), 'utf8')
    const test = /^Test: (.+)$/m.exec(text)?.[1]
    if (test === undefined) throw new Error(`${file} names no test`)
    return { name: basename(file, '.patch'), text, test: test.split(' > ') }
  })
  return wanted.length === 0 ? named : named.filter(({ name }) => wanted.includes(name))
}

/**
 * A copy of the package, in `place/NAME`.
 * @param {string} place
 * @param {string} name
 */
function copy(place, name) {
  const to = join(place, name, folder)
  mkdirSync(to, { recursive: true })
  for (const part of ['src', 'test', 'package.json']) {
    const skipped = /[\\/](node_modules|mutants|conformance)$/
    cpSync(join(root, folder, part), join(to, part), { recursive: true, filter: (path) => !skipped.test(path) })
  }
  // Some tests build their data with the conformance cases; the conformance tests themselves do not run here.
  for (const shared of ['node_modules', 'test/conformance']) {
    const from = join(root, folder, shared)
    if (existsSync(from)) symlinkSync(from, join(to, shared))
  }
}

/**
 * @param {string} place
 * @param {Mutant} mutant
 * @returns {boolean} whether the patch still applies
 */
function patch(place, { name, text }) {
  const cwd = join(place, name)
  return spawnSync('git', ['apply', '-'], { cwd, input: text, env: { ...process.env, GIT_DIR: cwd } }).status === 0
}

/** Resolves the workspace's packages to their sources. */
const conditions = ['@ottla/source', 'module', 'node', 'development']

/** @param {string} text */
function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/**
 * A setup file: each copy runs its own tests only, although copies of one file are filtered by the titles of all.
 * @param {string} place
 * @param {readonly { name: string, test: string[] }[]} runs
 */
function ownTests(place, runs) {
  /** @type {Record<string, string[]>} */
  const own = {}
  for (const { name, test } of runs) {
    const [file, ...titles] = test
    const path = join(place, name, file ?? '')
    own[path] = [...(own[path] ?? []), titles.join(' > ')]
  }
  return `import { beforeEach } from 'vitest'
const own = ${JSON.stringify(own)}
beforeEach(({ task, skip }) => {
  const titles = []
  for (let part = task; part !== undefined && part !== task.file; part = part.suite) titles.unshift(part.name)
  if (own[task.file.filepath]?.includes(titles.join(' > ')) === false) skip()
})
`
}

/** @typedef {{ fullName: string, ancestorTitles: string[], title: string, status: string, failureMessages: string[] }} Outcome */

/**
 * Runs the named tests, each in its mutated copy and in the unchanged one.
 * @param {string} place
 * @param {readonly { name: string, test: string[] }[]} runs
 * @returns {Map<string, Outcome[]>} by the paths of the test files
 */
function runTests(place, runs) {
  const files = [...new Set(runs.map(({ name, test }) => `${name}/${test[0]}`))]
  const names = new Set(runs.map(({ test: [, ...titles] }) => escaped(titles.join(' '))))
  writeFileSync(join(place, 'own-tests.mjs'), ownTests(place, runs))
  const config = {
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: {
      root: place,
      include: files,
      testNamePattern: `^(?:${[...names].join('|')})$`,
      testTimeout: 60_000,
      maxWorkers: 2,
      pool: 'forks',
      // Each copy has its own modules anyway; the shared ones (the codec) are loaded once.
      isolate: false,
      setupFiles: ['own-tests.mjs'],
    },
  }
  writeFileSync(join(place, 'vitest.config.mjs'), `export default ${JSON.stringify(config)}\n`)
  const report = join(place, 'report.json')
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const args = ['run', '--root', place, '--config', 'vitest.config.mjs', '--reporter=json', `--outputFile=${report}`]
  const { stderr } = spawnSync(process.execPath, [vitest, ...args], {
    cwd: place,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
    return new Map(
      testResults.map((/** @type {{ name: string, assertionResults: Outcome[] }} */ { name, assertionResults }) => [
        name.slice(place.length + 1),
        assertionResults,
      ]),
    )
  } catch (cause) {
    throw new Error(`the tests did not run: ${stderr.slice(0, 2000)}`, { cause })
  }
}

/** vitest's failures of `rejects` and `resolves` are plain Errors. */
const isAssertion = /^(AssertionError|Error: promise (resolved|rejected) .* instead of )/

/**
 * The outcome of a test in one copy.
 * @param {Map<string, Outcome[]>} results
 * @param {string} copyName
 * @param {string[]} test
 */
function outcomeOf(results, copyName, [file = '', ...titles]) {
  const all = results.get(`${copyName}/${file}`) ?? []
  return all.find(({ ancestorTitles, title }) => [...ancestorTitles, title].join(' > ') === titles.join(' > '))
}

/**
 * @param {Map<string, Outcome[]>} results
 * @param {Mutant} mutant
 * @returns {string | undefined} why the mutant survived
 */
function survival(results, { name, test }) {
  const before = outcomeOf(results, unchanged, test)
  if (before?.status !== 'passed') return `its test does not pass without it: ${before?.status ?? 'no such test'}`
  const after = outcomeOf(results, name, test)
  if (after === undefined) return 'its test did not run'
  if (after.status !== 'failed') return `its test ${after.status}`
  const [message = ''] = after.failureMessages
  return isAssertion.test(message) ? undefined : `its test failed without an assertion: ${message.split('\n')[0]}`
}

const unchanged = 'unchanged'
const place = realpathSync(mkdtempSync(join(tmpdir(), 'ottla-mutants-')))
let killed = 0
const all = mutants()
try {
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'))
  copy(place, unchanged)
  const applied = all.filter((mutant) => {
    copy(place, mutant.name)
    return patch(place, mutant)
  })
  const results = runTests(place, [...applied, ...all.map(({ test }) => ({ name: unchanged, test }))])
  for (const mutant of all) {
    const reason = applied.includes(mutant) ? survival(results, mutant) : 'its patch no longer applies'
    if (reason === undefined) killed++
    console.log(reason === undefined ? `killed   ${mutant.name}` : `SURVIVED ${mutant.name}: ${reason}`)
  }
} finally {
  rmSync(place, { recursive: true, force: true })
}
console.log(`${killed} of ${all.length} killed`)
process.exit(killed === all.length && killed > 0 ? 0 : 1)
