// Command line: `npm run kafka -- up`, `down`, `stop N`, `start N`, `run CLASS ARGS`, `fetch`.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { awaitServing, prepare, quickFlags, spawnNode } from './cluster.mjs'
import { distribution, kafkaVersion, logToStderr } from './distribution.mjs'
import { javaArguments, tellWatchdog } from './java.mjs'
import { idsOf, propertiesFile } from './properties.mjs'

/** @typedef {import('./properties.mjs').Layout} Layout */
/** @typedef {{ layout: Layout, bootstrap: readonly string[], pids: Record<number, number> }} State */

const usage = `Apache Kafka ${kafkaVersion} for tests

  kafka up [--brokers 3] [--port P] [--config NAME=VALUE]…  start it, print the bootstrap list
  kafka down                                               stop it and remove its data
  kafka stop N | start N                                   kill node N, start it again
  kafka run CLASS ARGS…                                    one of Kafka's tools, e.g. TopicCommand --list …
  kafka fetch                                              only download

  --dir D   another folder than the usual one, for a second cluster
SASL user alice / alice-secret (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512); the authority is D/ca.pem.
Node i listens at P + 10 × (i - 1): +0 PLAINTEXT, +1 SASL_PLAINTEXT, +2 SASL_SSL, +3 SSL, +4 SSL of another host.`

/** @param {string} dir */
const stateFile = (dir) => join(dir, 'cluster.json')

/** @param {string} dir @returns {Promise<State>} */
async function readState(dir) {
  try {
    return JSON.parse(await readFile(stateFile(dir), 'utf8'))
  } catch (cause) {
    throw new Error(`no cluster in ${dir}: start one with "kafka up"`, { cause })
  }
}

/**
 * Whether the process is still that node: process ids are reused.
 * @param {State} state @param {number} id
 */
async function isNode(state, id) {
  const pid = state.pids[id]
  if (pid === undefined) return false
  const command = existsSync('/proc/self/cmdline')
    ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    : spawnSync('ps', ['-o', 'command=', '-ww', '-p', String(pid)], { encoding: 'utf8' }).stdout
  return command.includes(propertiesFile(state.layout, id))
}

/** @param {State} state @param {number} id */
async function kill(state, id) {
  const pid = state.pids[id]
  if (pid === undefined || !(await isNode(state, id))) return
  process.kill(pid, 'SIGKILL')
  while (await isNode(state, id)) await sleep(20)
}

/** @param {State} state @param {readonly number[]} ids */
async function startNodes(state, ids) {
  const found = await distribution()
  const { layout } = state
  /** @type {Set<number>} */
  const dead = new Set()
  for (const id of ids) {
    const child = spawnNode(found, layout, id, { flags: quickFlags, detached: true })
    child.once('exit', () => dead.add(id))
    child.unref()
    if (child.pid === undefined) continue
    state.pids[id] = child.pid
    tellWatchdog(`+pid ${child.pid}`)
  }
  await writeFile(stateFile(layout.dir), JSON.stringify(state))
  const running = []
  for (const id of idsOf(layout)) if (await isNode(state, id)) running.push(id)
  await awaitServing(layout, ids, running.length, (id) => !dead.has(id), logToStderr)
  // From here on they belong to the user and survive this process.
  for (const id of ids) tellWatchdog(`-pid ${state.pids[id]}`)
}

/** @param {string} dir @param {{ brokers: number, port: number | undefined, config: Record<string, string> }} options */
async function up(dir, options) {
  const old = await readState(dir).catch(() => undefined)
  for (const id of old ? idsOf(old.layout) : []) {
    if (old && (await isNode(old, id))) throw new Error(`a cluster runs in ${dir}: "kafka down" stops it`)
  }
  await rm(dir, { recursive: true, force: true })
  await mkdir(dir, { recursive: true })
  const { brokers, port, config } = options
  const { layout, addresses } = await prepare({ brokers, config, dir, ...(port === undefined ? {} : { port }) })
  /** @type {State} */
  const state = { layout, bootstrap: addresses.bootstrap, pids: {} }
  const stopAll = async () => {
    for (const id of idsOf(layout)) await kill(state, id)
    process.exit(130)
  }
  process.once('SIGINT', stopAll).once('SIGTERM', stopAll)
  logToStderr(`starting ${brokers} brokers in ${dir}`)
  await startNodes(state, idsOf(layout)).catch(async (cause) => {
    for (const id of idsOf(layout)) await kill(state, id)
    throw cause
  })
  tellWatchdog(`-dir ${dir}`)
  console.log(addresses.bootstrap.join(','))
}

/** @param {string} dir */
async function down(dir) {
  const state = await readState(dir)
  for (const id of idsOf(state.layout)) await kill(state, id)
  await rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}

/** @param {string[]} args */
async function run([name = '', ...args]) {
  const found = await distribution()
  const packages = {
    TopicCommand: 'tools',
    ConfigCommand: 'admin',
    ConsoleProducer: 'tools',
    ConsoleConsumer: 'tools.consumer',
  }
  const folder = packages[/** @type {keyof typeof packages} */ (name)]
  const group = name === 'ConsumerGroupCommand' ? 'tools.consumer.group' : folder
  const mainClass = name.includes('.') || !group ? name : `org.apache.kafka.${group}.${name}`
  const child = spawn(found.java, javaArguments(found, ['-Xmx256m', mainClass, ...args]), { stdio: 'inherit' })
  process.exitCode = await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)))
}

/** @param {string[]} argv */
async function main([command, ...rest]) {
  if (command === 'run') return run(rest)
  const { values, positionals } = parseArgs({
    args: rest,
    allowPositionals: true,
    options: {
      brokers: { type: 'string', default: '3' },
      port: { type: 'string' },
      config: { type: 'string', multiple: true, default: [] },
      dir: { type: 'string', default: join(tmpdir(), `ottla-kafka-${userInfo().username}`) },
    },
  })
  const id = Number(positionals[0])
  if (command === 'fetch') return void (await distribution())
  if (command === 'down') return down(values.dir)
  if (command === 'up') {
    const config = Object.fromEntries(values.config.map((line) => line.split(/=(.*)/s, 2)))
    const port = values.port === undefined ? undefined : Number(values.port)
    return up(values.dir, { brokers: Number(values.brokers), port, config })
  }
  if ((command === 'stop' || command === 'start') && id > 0) {
    const state = await readState(values.dir)
    return command === 'stop' ? kill(state, id) : startNodes(state, [id])
  }
  console.log(usage)
  process.exitCode = command === undefined || command === 'help' ? 0 : 2
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`kafka: ${error.message}`)
  process.exitCode = 1
})
