import type { FetchRequest } from '@ottla/codec'
import * as everything from '@ottla/testkit'
import { type ClusterOptions, createCluster, type TestCluster } from '@ottla/testkit'
import * as nodeTest from '@ottla/testkit/node-test'
import { useCluster } from '@ottla/testkit/node-test'
import { Kafka } from 'ottla'
import { assertType, type Equal } from './equal.js'

export { everything, nodeTest }

const options: ClusterOptions = {
  brokers: 3,
  topics: [{ name: 't', partitions: 2, replicationFactor: 3, configs: { 'retention.ms': 1000 } }],
  time: 'virtual',
  tls: true,
}
export const cluster: Promise<TestCluster> = createCluster(options)
export const clusterOf = useCluster({ scope: 'file', brokers: 1 })
export const named: string = clusterOf.uniqueName('topic')

export async function inject(test: TestCluster): Promise<void> {
  const kafka = new Kafka({ brokers: test.bootstrap, runtime: test.runtime })
  test.faults.add({
    match: {
      api: 'Fetch',
      when: (request) => {
        assertType<Equal<typeof request, everything.RequestOf<'Fetch'>>>()
        return request.maxBytes > 0
      },
    },
    trigger: { nth: 2, until: '10 s' },
    action: { error: 'NOT_LEADER_OR_FOLLOWER' },
  })
  // @ts-expect-error There is no such API.
  test.faults.add({ match: { api: 'Fetsch' }, action: 'close' })
  const seen = test.saw({ api: 'Fetch', topic: 't' }).at(0)
  assertType<Equal<typeof seen, everything.SeenRequest | undefined>>()
  const leader: number = test.partition('t', 0).leader
  await test.broker(leader).kill({ fsync: 'none' })
  const result = await test.run(async () => 7)
  assertType<Equal<typeof result, number>>()
  await kafka.close()
  await test[Symbol.asyncDispose]()
}
export type Request = FetchRequest
