import { writeFileSync } from 'node:fs'
import { createCluster, type TestCluster } from '@ottla/testkit'
import type { Consumer, Kafka } from 'ottla'

const sasl = { users: { alice: 'alice-secret' } }

/** The clients and clusters that a block made, and how much its consumers have received. */
export const made = {
  clients: new Set<Kafka>(),
  clusters: new Set<TestCluster>(),
  received: new Map<Consumer, number>(),
}

/** The cluster that the hosts named in a block stand for. */
let current: TestCluster | undefined

export function clusterOfTheBlock(): TestCluster {
  if (current === undefined) throw new Error('The cluster has not started')
  return current
}

/** Topics that a block names, but neither creates nor misspells on purpose. */
function topicsIn(code: string): string[] {
  const named = [...code.matchAll(/\b(?:topics?|from): \[?((?:'[^']+'(?:, )?)+)/g)]
    .flatMap(([, list = '']) => [...list.matchAll(/'([^']+)'/g)])
    .map(([, name = '']) => name)
  const created = code.includes('createTopics') ? [...code.matchAll(/name: '([^']+)'/g)].map(([, name]) => name) : []
  return [...new Set(['payments', 'users', ...named])].filter((name) => name !== 'paymets' && !created.includes(name))
}

/** Starts the cluster on TCP ports, with TLS and SASL listeners when the block uses them, and leaves its CA in `ca.pem`. */
export async function startCluster(code: string): Promise<TestCluster> {
  const topics = topicsIn(code).map((name) => ({ name, partitions: 1, replicationFactor: 3 }))
  const config = { 'group.initial.rebalance.delay.ms': 0 }
  const isSecured = /\b(tls|sasl|clientCertificate)\b/.test(code)
  if (!isSecured) {
    current = await createCluster({ listen: true, topics, config })
    return current
  }
  const protocols = ['PLAINTEXT', 'SASL_PLAINTEXT', 'SSL', 'SASL_SSL'] as const
  current = await createCluster({
    listeners: protocols.map((protocol) => ({ protocol })),
    tls: true,
    sasl,
    topics,
    config,
  })
  writeFileSync('ca.pem', current.ca)
  return current
}
