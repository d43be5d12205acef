// Free ports below the range of ephemeral ports, so that a broker that is down for a while can bind its port again.

import { createServer } from 'node:net'

const lowest = 20_000
const highest = 32_000
const attempts = 200

export const portsPerNode = 10

/** A node's ports, by the name of its listener; offsets from the node's first port. */
export const listenerOffsets = { PLAINTEXT: 0, SASL_PLAINTEXT: 1, SASL_SSL: 2, SSL: 3, WRONGHOST: 4, CONTROLLER: 5 }

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
export function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/**
 * @param {number} nodes
 * @returns {Promise<number>} the first port of the first node
 */
export async function findPorts(nodes) {
  const blocks = Math.floor((highest - lowest) / portsPerNode) - nodes
  for (let attempt = 0; attempt < attempts; attempt++) {
    const base = lowest + portsPerNode * Math.floor(Math.random() * blocks)
    if (await areFree(base, nodes)) return base
  }
  throw new Error(`no free ports for ${nodes} brokers between ${lowest} and ${highest}`)
}

/**
 * @param {number} base
 * @param {number} nodes
 */
async function areFree(base, nodes) {
  for (let node = 0; node < nodes; node++) {
    for (const offset of Object.values(listenerOffsets)) {
      if (!(await isFree(base + portsPerNode * node + offset))) return false
    }
  }
  return true
}
