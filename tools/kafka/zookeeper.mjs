// Releases before KRaft: one ZooKeeper beside the brokers, which have a PLAINTEXT listener only.

import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { javaArguments, watched } from './java.mjs'
import { listenerOffsets, portsPerNode } from './ports.mjs'

/** @typedef {import('./properties.mjs').Layout} Layout */

const tickMs = 500
/** The registration of a killed broker is removed after this time; until then it cannot start again. */
export const sessionMs = 4000
const servesWithinMs = 30_000
const flags = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dzookeeper.jmx.log4j.disable=true']

/** The controller port of the first node, which these releases do not use. @param {Layout} layout */
export const zooKeeperPort = (layout) => layout.port + listenerOffsets.CONTROLLER

/** @param {Layout} layout @param {number} id @returns {Record<string, string | number | boolean>} */
export function zooKeeperProperties(layout, id) {
  return {
    'broker.id': id,
    listeners: `PLAINTEXT://127.0.0.1:${layout.port + portsPerNode * (id - 1) + listenerOffsets.PLAINTEXT}`,
    'zookeeper.connect': `127.0.0.1:${zooKeeperPort(layout)}`,
    'zookeeper.session.timeout.ms': sessionMs,
    'zookeeper.connection.timeout.ms': servesWithinMs,
  }
}

/**
 * Starts ZooKeeper, and resolves when it accepts connections.
 * @param {import('./index.d.mts').Distribution} found
 * @param {Layout} layout
 */
export async function startZooKeeper(found, layout) {
  const dir = join(layout.dir, 'zookeeper')
  await mkdir(dir, { recursive: true })
  const output = openSync(join(dir, 'out.log'), 'a')
  const port = zooKeeperPort(layout)
  const main = ['org.apache.zookeeper.server.ZooKeeperServerMain', String(port), dir, String(tickMs)]
  const child = watched(
    spawn(found.java, javaArguments(found, [...flags, ...main]), { stdio: ['ignore', output, output] }),
  )
  closeSync(output)
  const startedAtMs = Date.now()
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`ZooKeeper ended with ${child.exitCode}: see ${dir}/out.log`)
    if (Date.now() - startedAtMs > servesWithinMs) throw new Error(`ZooKeeper does not serve: see ${dir}/out.log`)
    await sleep(50)
  }
  return child
}

/** @param {number} port @returns {Promise<boolean>} */
function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => socket.destroy())
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
  })
}
