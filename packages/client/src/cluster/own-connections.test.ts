import { Heartbeat } from '@ottla/codec'
import { expect, test } from 'vitest'
import { ManualRuntime } from '../../test/support/manual-runtime.ts'
import { ScriptedBroker } from '../../test/support/scripted-broker.ts'
import { silentLogger } from '../logger.ts'
import { Metrics } from '../metrics.ts'
import { resolveKafkaOptions } from '../options.ts'
import { Cluster } from './cluster.ts'
import { CoordinatorConnection } from './coordinator-connection.ts'

const beat = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }

async function connected() {
  const runtime = new ManualRuntime()
  const peer = new ScriptedBroker(runtime.network, 2)
  peer.on(Heartbeat, () => ({ errorCode: 0 }))
  const options = { brokers: peer.bootstrap, runtime, logger: silentLogger, clientId: 'app' }
  const cluster = new Cluster(resolveKafkaOptions(options), new Metrics())
  /** Lets the requests that are in flight receive their responses. */
  const settle = async <T>(promise: Promise<T>): Promise<T> => {
    await runtime.advance(500)
    return promise
  }
  await settle(cluster.refreshMetadata('test'))
  const owned = () =>
    cluster
      .connections()
      .filter(({ purpose }) => purpose !== 'general')
      .map(({ purpose, broker }) => `${purpose}@${broker.id}`)
      .sort()
  return { peer, cluster, settle, owned, broker: (id: number) => cluster.broker(id)! }
}

test('the connections of one owner are closed together, also those to a broker that left the metadata', async () => {
  const { peer, cluster, settle, owned, broker } = await connected()
  const [first, second] = [cluster.ownConnections(), cluster.ownConnections()]
  const [a, b, c] = [first.purpose('fetch'), first.purpose('offsets'), second.purpose('fetch')]
  await settle(Promise.all([a, b, c].map((purpose) => broker(1).request(Heartbeat, beat, { purpose }))))
  peer.on(Heartbeat, () => undefined)
  const held = broker(2)
    .request(Heartbeat, beat, { purpose: a })
    .catch((error: unknown) => error)
  await settle(Promise.resolve())
  expect(owned()).toEqual(['fetch:app-1@1', 'fetch:app-1@2', 'fetch:app-2@1', 'offsets:app-1@1'])
  peer.nodes.delete(2)
  await settle(cluster.refreshMetadata('broker 2 is gone'))
  expect(cluster.brokers().map(({ id }) => id)).toEqual([1])
  first.close()
  expect(await held).toMatchObject({ code: 'CONNECTION_LOST' })
  expect(owned()).toEqual(['fetch:app-2@1'])
  await cluster.close()
})

test('the connection to a coordinator moves with it', async () => {
  const { cluster, settle, owned, broker } = await connected()
  const connection = new CoordinatorConnection('offsets:app')
  const request = (id: number) =>
    settle(broker(id).request(Heartbeat, beat, { purpose: connection.to(broker(id)) })).then(owned)
  expect(await request(1)).toEqual(['offsets:app@1'])
  expect(await request(1)).toEqual(['offsets:app@1'])
  expect(await request(2)).toEqual(['offsets:app@2'])
  connection.close()
  expect(owned()).toEqual([])
  expect(await request(2)).toEqual(['offsets:app@2'])
  await cluster.close()
})
