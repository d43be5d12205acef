// Started by process-exit.test.ts with the built packages: `node embedded-program.mjs SCENE`. Each scene forgets its cluster, and
// the top level awaits nothing but calls of the client or the cluster.

import { createCluster } from '@ottla/testkit'
import { Kafka } from 'ottla'

const topics = [{ name: 't', partitions: 2, replicationFactor: 3 }]
const config = { 'group.initial.rebalance.delay.ms': 0 }

async function produceAndConsume(cluster, options) {
  const kafka = new Kafka({ brokers: cluster.bootstrap, ...options })
  await kafka.producer().send({ topic: 't', value: '1' })
  const consumer = kafka.consumer({ groupId: 'g', topics: ['t'], offsetReset: 'earliest' })
  const { value } = await consumer.messages().next()
  await kafka.close()
  return String(value.value)
}

const scenes = {
  'in memory': async () => {
    const cluster = await createCluster({ topics })
    return produceAndConsume(cluster, { runtime: cluster.runtime })
  },
  'on TCP': async () => produceAndConsume(await createCluster({ topics, config, listen: true })),
  'on TLS': async () => {
    const cluster = await createCluster({ topics, config, tls: true, listen: true })
    return produceAndConsume(cluster, { tls: { ca: cluster.ca } })
  },
  // The process of the client of another program: its sockets are open when this one ends.
  'with an open client of another process': async () => {
    const cluster = await createCluster({ topics, listen: true })
    const { spawn } = await import('node:child_process')
    const [host, port] = cluster.bootstrap[0].split(':')
    const code = `require('node:net').connect(${port}, '${host}', () => console.log('connected')).on('close', () => {})`
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => child.stdout.once('data', resolve))
    child.stdout.destroy()
    child.unref()
    return 'connected'
  },
  // The broker's timers alone would end each of these delays.
  'slow requests': async () => {
    const cluster = await createCluster({ topics, config })
    const apis = ['Metadata', 'Produce', 'FindCoordinator', 'JoinGroup', 'Fetch', 'OffsetCommit']
    for (const api of apis) cluster.faults.add({ match: { api }, trigger: 'once', action: { delay: 300 } })
    return produceAndConsume(cluster, { runtime: cluster.runtime })
  },
  'no response': async () => {
    const cluster = await createCluster({ topics })
    cluster.faults.add({ match: { api: 'Produce' }, trigger: 'always', action: 'hang' })
    const kafka = new Kafka({ brokers: cluster.bootstrap, runtime: cluster.runtime, requestTimeoutMs: 300 })
    const producer = kafka.producer({ deliveryTimeoutMs: 1_000, requestTimeoutMs: 300 })
    const { code } = await producer.send({ topic: 't', value: '1' }).catch((error) => error)
    await kafka.close()
    return code
  },
  'calls of the cluster': async () => {
    const cluster = await createCluster({ topics, listen: true })
    await cluster.broker(1).kill()
    await cluster.clock.advance('30s')
    await cluster.broker(1).restart()
    await cluster.broker(2).shutdown()
    await cluster.broker(2).restart()
    await cluster.compact()
    await cluster.reset()
    const late = await cluster.awaitTraffic({ api: 'Produce' }, { timeoutMs: 300 }).catch((error) => error)
    await cluster.close()
    return late.message
  },
  'a cluster that keeps the process alive': async () => {
    const cluster = await createCluster({ topics, listen: true, keepAlive: true })
    return cluster.bootstrap.join()
  },
}

console.log(await scenes[process.argv[2]]())
