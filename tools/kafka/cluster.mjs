// A real Kafka: several nodes on free ports in their own folder, removed when this process ends.

import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCertificates } from './certificates.mjs'
import { distribution, logToStderr } from './distribution.mjs'
import { javaArguments, runJava, spawnJava, tellWatchdog, watched } from './java.mjs'
import { findPorts } from './ports.mjs'
import { countBrokers } from './probe.mjs'
import { addressesOf, idsOf, nodeFolder, portOf, propertiesFile, writeCertificates, writeNodes } from './properties.mjs'
import { latest, releases } from './releases.mjs'
import { sessionMs, startZooKeeper } from './zookeeper.mjs'

/** @typedef {import('./properties.mjs').Layout} Layout */
/** @typedef {import('node:child_process').ChildProcess} ChildProcess */
/** @typedef {import('./index.d.mts').Distribution} Distribution */

const portAttempts = 5
const serveWithinMs = 120_000
const tellEveryMs = 5000
const askEveryMs = 50

/** Start in half the time and use little CPU; a benchmark needs other flags. */
export const quickFlags = ['-Xmx384m', '-Xms384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

class PortTaken extends Error {}

/**
 * @param {Distribution} found
 * @param {Layout} layout
 * @param {number} id
 * @param {{ flags: readonly string[], detached: boolean }} how
 * @returns {ChildProcess}
 */
export function spawnNode(found, layout, id, how) {
  const output = openSync(join(nodeFolder(layout, id), 'out.log'), 'a')
  const args = javaArguments(found, [...how.flags, 'kafka.Kafka', propertiesFile(layout, id)])
  const child = spawn(found.java, args, { stdio: ['ignore', output, output], detached: how.detached })
  closeSync(output)
  return child
}

/**
 * Waits until each node of `ids` is ready and sees all running brokers.
 * @param {Layout} layout
 * @param {readonly number[]} ids
 * @param {number} running
 * @param {(id: number) => boolean} isUp
 * @param {import('./index.d.mts').Log} log
 */
export async function awaitServing(layout, ids, running, isUp, log) {
  const startedAtMs = Date.now()
  let toldAtMs = startedAtMs
  const waiting = new Set(ids)
  while (waiting.size > 0) {
    for (const id of waiting) {
      if (!isUp(id)) throw await explainDeath(layout, id)
      if ((await countBrokers(portOf(layout, id, 'PLAINTEXT'))) >= running) waiting.delete(id)
    }
    const nowMs = Date.now()
    if (nowMs - startedAtMs > serveWithinMs) {
      throw new Error(`node ${[...waiting].join(', ')} does not serve after ${serveWithinMs / 1000} s`)
    }
    if (waiting.size > 0 && nowMs - toldAtMs > tellEveryMs) {
      toldAtMs = nowMs
      log(`waiting for node ${[...waiting].join(', ')} since ${Math.round((nowMs - startedAtMs) / 1000)} s`)
    }
    await sleep(askEveryMs)
  }
}

/** @param {Layout} layout @param {number} id */
async function explainDeath(layout, id) {
  const output = await readFile(join(nodeFolder(layout, id), 'out.log'), 'utf8').catch(() => '')
  const tail = output.trimEnd().split('\n').slice(-20).join('\n')
  if (/Address already in use|BindException/.test(output)) return new PortTaken(`node ${id}: a port was taken\n${tail}`)
  return new Error(`node ${id} died:\n${tail}`)
}

/**
 * Creates the folder with certificates and configuration.
 * @param {import('./index.d.mts').KafkaOptions} options
 */
export async function prepare(options) {
  const nodes = options.brokers ?? 3
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'ottla-kafka-')))
  await mkdir(dir, { recursive: true })
  tellWatchdog(`+dir ${dir}`)
  const port = options.port ?? (await findPorts(nodes))
  const layout = { dir, nodes, port, config: options.config ?? {}, release: options.release ?? latest }
  const certificates = makeCertificates()
  await writeCertificates(layout, certificates)
  await writeNodes(layout)
  return { layout, addresses: addressesOf(layout, certificates) }
}

/** @type {typeof import('./index.d.mts').startKafka} */
export async function startKafka(options = {}) {
  const log = options.log ?? logToStderr
  const found = await distribution(log, options.release)
  for (let attempt = 1; ; attempt++) {
    const { layout, addresses } = await prepare(options)
    const kafka = new Nodes(found, layout, options.jvmFlags ?? quickFlags, log)
    try {
      await kafka.startAll()
    } catch (cause) {
      await kafka.close()
      if (!(cause instanceof PortTaken) || options.port !== undefined || attempt === portAttempts) throw cause
      log('another program took a port; starting again on others')
      continue
    }
    return runningKafka(kafka, found, addresses)
  }
}

/**
 * @param {Nodes} nodes
 * @param {Distribution} found
 * @param {import('./index.d.mts').KafkaAddresses} addresses
 * @returns {import('./index.d.mts').RunningKafka}
 */
function runningKafka(nodes, found, addresses) {
  /** @type {Set<ChildProcess>} */
  const programs = new Set()
  const close = async () => {
    for (const program of programs) program.kill('SIGKILL')
    await nodes.close()
  }
  return {
    ...addresses,
    stop: (id) => nodes.stop(id),
    start: (id) => nodes.start(id),
    pause: (id) => nodes.signal(id, 'SIGSTOP'),
    resume: (id) => nodes.signal(id, 'SIGCONT'),
    isUp: (id) => nodes.isUp(id),
    run: (mainClass, args, options) => runJava(mainClass, args, { release: nodes.release, ...options }),
    spawn: (args) => {
      const program = spawnJava(found, args)
      programs.add(program)
      program.once('exit', () => programs.delete(program))
      return program
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** The processes of one cluster. */
class Nodes {
  #found
  #layout
  #flags
  #log
  /** @type {Map<number, ChildProcess>} */
  #children = new Map()
  /** @type {ChildProcess | undefined} */
  #zooKeeper

  /**
   * @param {Distribution} found
   * @param {Layout} layout
   * @param {readonly string[]} flags
   * @param {import('./index.d.mts').Log} log
   */
  constructor(found, layout, flags, log) {
    this.#found = found
    this.#layout = layout
    this.#flags = flags
    this.#log = log
  }

  async startAll() {
    const startedAtMs = Date.now()
    const ids = idsOf(this.#layout)
    this.#log(`starting ${ids.length} broker${ids.length === 1 ? '' : 's'} on port ${this.#layout.port} and above`)
    if (this.#hasZooKeeper) this.#zooKeeper = await startZooKeeper(this.#found, this.#layout)
    for (const id of ids) this.#spawn(id)
    await awaitServing(this.#layout, ids, ids.length, (id) => this.isUp(id), this.#log)
    this.#log(`serving after ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s`)
  }

  get release() {
    return this.#layout.release
  }

  get #hasZooKeeper() {
    return releases[this.#layout.release].hasZooKeeper
  }

  /** @param {number} id */
  isUp(id) {
    const child = this.#children.get(id)
    return child !== undefined && child.exitCode === null && child.signalCode === null
  }

  /** @param {number} id */
  #spawn(id) {
    const how = { flags: this.#flags, detached: false }
    this.#children.set(id, watched(spawnNode(this.#found, this.#layout, id, how)))
  }

  /** @param {number} id */
  async stop(id) {
    const child = this.#children.get(id)
    if (!child || !this.isUp(id)) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  /**
   * @param {number} id
   * @param {'SIGSTOP' | 'SIGCONT'} signal
   */
  signal(id, signal) {
    if (this.isUp(id)) this.#children.get(id)?.kill(signal)
  }

  /** @param {number} id */
  async start(id) {
    if (!idsOf(this.#layout).includes(id)) throw new Error(`there is no node ${id}`)
    if (!this.isUp(id)) {
      if (this.#hasZooKeeper) await sleep(sessionMs)
      this.#spawn(id)
    }
    const running = idsOf(this.#layout).filter((other) => this.isUp(other))
    await awaitServing(this.#layout, running, running.length, (other) => this.isUp(other), this.#log)
  }

  async close() {
    await Promise.all(idsOf(this.#layout).map((id) => this.stop(id)))
    this.#zooKeeper?.kill('SIGKILL')
    await rm(this.#layout.dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    tellWatchdog(`-dir ${this.#layout.dir}`)
  }
}
