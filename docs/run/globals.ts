import { encodeResponse, FindCoordinator } from '@ottla/codec'
import { Kafka } from './clients.ts'
import { createCluster } from './clusters.ts'
import { startCluster } from './world.ts'

/** A frame without its length, as a connection hands it on. */
function findCoordinatorFrame(): Uint8Array {
  const coordinator = { key: 'billing', nodeId: 1, host: 'localhost', port: 9092, errorCode: 0, errorMessage: null }
  const body = { throttleTimeMs: 0, coordinators: [coordinator] }
  return Buffer.concat(encodeResponse(FindCoordinator, 6, 1, body)).subarray(4)
}

/** Sets what docs/prelude.ts declares. A group has been joined before a block uses a consumer that it did not make. */
export async function setGlobals(code: string): Promise<void> {
  const cluster = await startCluster(code)
  const kafka = new Kafka({ clientId: 'docs', brokers: cluster.bootstrap })
  const options = { groupId: 'docs', topics: ['payments'], offsetReset: 'earliest' } as const
  const declares = /\bconst consumer\b/.test(code)
  const consumer = kafka.consumer(options)
  if (/\bconsumer\b/.test(code) && !declares) await consumer.ready()
  const pause = () => new Promise((resolve) => setTimeout(resolve, 1))
  Object.assign(globalThis, {
    Kafka,
    createCluster,
    cluster,
    kafka,
    consumer,
    producer: kafka.producer(),
    admin: kafka.admin(),
    frame: findCoordinatorFrame(),
    handle: pause,
    saveWork: pause,
  })
}
