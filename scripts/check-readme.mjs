// `npm run check:readme`: follows README.md to the letter, in a fresh clone with empty caches of npm and pnpm, and starts each
// command of CONTRIBUTING.md there. Commands and files are read out of the pages. scripts/lib/readme-forms.mjs says which
// commands run in a shorter form, and why. The packages are not published: a stub registry on localhost has their tarballs.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { available } from '../tools/kafka/index.mjs'
import { root } from './lib/npx.mjs'
import { formsOf } from './lib/readme-forms.mjs'
import { stepsOf } from './lib/readme-steps.mjs'
import { stampFile } from './lib/setup-stamp.mjs'
import { interrupt, startCommand } from './lib/shell-command.mjs'
import { stubRegistry } from './lib/stub-registry.mjs'

/** @typedef {import('./lib/readme-steps.mjs').Step} Step */

const timeoutMs = 600_000
const temp = mkdtempSync(join(tmpdir(), 'ottla-readme-'))
const clone = join(temp, 'ottla')
const mutant = readdirSync(join(root, 'packages/codec/test/mutants')).find((name) => name.endsWith('.patch')) ?? ''
const forms = formsOf({ mutant: mutant.replace('.patch', ''), kafka: join(temp, 'kafka') })
/** @type {string[]} */
const failures = []
/** @type {string[]} */
const notes = []
/** @type {Set<string>} */
const met = new Set()
/** @type {import('./lib/shell-command.mjs').Running[]} */
const services = []

/** As in a new terminal: nothing of the npm that runs this script, and caches that are empty. */
function cleanEnvironment() {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_(?!config_)|INIT_CWD$|NODE_ENV$)/.test(name))
  return {
    ...Object.fromEntries(inherited),
    npm_config_loglevel: 'notice',
    npm_config_yes: 'true',
    npm_config_cache: join(temp, 'npm-cache'),
    // pnpm keeps its store there.
    XDG_DATA_HOME: join(temp, 'data'),
    PNPM_HOME: join(temp, 'data/pnpm'),
  }
}

/** @param {string[]} args @param {string} [input] */
function git(args, input) {
  const run = spawnSync('git', args, { cwd: root, input, encoding: 'utf8', maxBuffer: 1 << 28 })
  if (run.status !== 0) throw new Error(`git ${args.join(' ')}: ${run.stderr}`)
  return run.stdout
}

/** The last commit and, on a developer's machine, what is not committed yet. */
function makeClone() {
  git(['clone', '--quiet', '--no-hardlinks', root, clone])
  const changes = git(['diff', '--binary', 'HEAD'])
  if (changes !== '') git(['-C', clone, 'apply', '--whitespace=nowarn', '-'], changes)
  for (const path of git(['ls-files', '--others', '--exclude-standard']).split('\n').filter(Boolean)) {
    mkdirSync(dirname(join(clone, path)), { recursive: true })
    cpSync(join(root, path), join(clone, path))
  }
}

/** An empty project of a user. @param {string} name */
function makeProject(name) {
  const folder = join(temp, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, private: true, version: '1.0.0' }))
  return folder
}

/** @param {string} command @param {string} problem @param {string} output */
function fail(command, problem, output) {
  failures.push(`${command}: ${problem}`)
  console.log(`FAILED ${command}: ${problem}\n${output.split('\n').slice(-60).join('\n')}`)
}

/** When the setup last ran in the clone: each command must run it. */
const setupTimeMs = () => statSync(join(clone, stampFile), { throwIfNoEntry: false })?.mtimeMs ?? 0

/**
 * @param {string} command as the page has it
 * @param {string} cwd
 * @param {NodeJS.ProcessEnv} env
 */
async function follow(command, cwd, env) {
  if (met.has(command)) return
  met.add(command)
  const form = forms[command]
  const left = form?.skip ? form.why : form?.needsJava ? missingJava() : undefined
  if (left !== undefined) {
    notes.push(`not run: ${command} (${left})`)
    return
  }
  const shown = form?.run ?? command
  if (form !== undefined)
    notes.push(`${command}\n    ran as: ${form.until ? `until ${form.until}: ` : ''}${shown}\n    because: ${form.why}`)
  const startedMs = performance.now()
  const setupBeforeMs = setupTimeMs()
  const running = startCommand(shown, cwd, env, timeoutMs)
  const problem = await (form?.until ? untilSeen(running, form) : untilDone(running))
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  if (problem !== undefined) return fail(command, problem, running.output())
  const needsSetup = cwd === clone && form?.withoutSetup !== true
  if (needsSetup && setupTimeMs() === setupBeforeMs) return fail(command, 'it did not run the setup', '')
  console.log(`ok     ${command} (${seconds} s)`)
}

/** @param {import('./lib/shell-command.mjs').Running} running */
async function untilDone(running) {
  const code = await running.ended
  return code === 0 ? undefined : `exit code ${code}`
}

/**
 * @param {import('./lib/shell-command.mjs').Running} running
 * @param {import('./lib/readme-forms.mjs').Form} form
 */
async function untilSeen(running, { until = /./, stays = false }) {
  if (!(await running.seen(until))) return `it ended, or ran out of time, before it printed ${until}`
  if (stays) {
    running.keep()
    services.push(running)
  } else await interrupt(running)
  return undefined
}

function missingJava() {
  const can = available()
  return can.ok || process.env.CI === 'true' ? undefined : can.reason
}

async function checkPort() {
  const server = createServer()
  await new Promise((resolve, reject) => {
    server.once('error', () => reject(new Error('Port 9092 is in use: README.md needs it for its own cluster')))
    server.listen(9092, '127.0.0.1', () => server.close(resolve))
  })
}

/** @param {Step} step */
const runsInClone = (step) => step.kind === 'command' && /^(npm (run|test)|bash)\b/.test(step.command)
/** @param {Step} step */
const needsCluster = (step) => step.kind === 'command' && step.command.includes('localhost:9092')

/** @param {readonly Step[]} steps */
async function asReader(steps) {
  const env = cleanEnvironment()
  const inClone = steps.filter(runsInClone)
  for (const step of inClone) if (step.kind === 'command' && !needsCluster(step)) await follow(step.command, clone, env)

  const upstream = spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).stdout.trim()
  const registry = await stubRegistry(join(clone, 'artifacts'), upstream)
  const userEnv = { ...env, npm_config_registry: registry.url }
  try {
    const shop = makeProject('shop')
    const fromTarballs = makeProject('shop-from-tarballs')
    for (const step of steps.filter((each) => !runsInClone(each))) {
      if (step.kind === 'file') writeFileSync(join(shop, step.name), step.text)
      else if (step.command.includes('.tgz')) await follow(step.command, fromTarballs, env)
      else await follow(step.command, shop, userEnv)
    }
    for (const step of inClone) if (step.kind === 'command') await follow(step.command, clone, env)
  } finally {
    registry.close()
  }
}

/** @param {readonly Step[]} steps */
async function asContributor(steps) {
  for (const step of steps) if (step.kind === 'command') await follow(step.command, clone, cleanEnvironment())
}

const readme = stepsOf(readFileSync(join(root, 'README.md'), 'utf8'))
const contributing = stepsOf(readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8'))
try {
  await checkPort()
  makeClone()
  await asReader(readme)
  await asContributor(contributing)
  for (const command of Object.keys(forms)) {
    if (!met.has(command)) fail(command, 'scripts/lib/readme-forms.mjs has it, but neither page does', '')
  }
} finally {
  for (const service of services) await interrupt(service)
  rmSync(temp, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}
console.log(`\nIn another form than on the page:\n${notes.map((note) => `  ${note}`).join('\n')}`)
console.log(failures.length === 0 ? `${met.size} commands work.` : `${failures.length} commands failed.`)
process.exit(failures.length === 0 ? 0 : 1)
