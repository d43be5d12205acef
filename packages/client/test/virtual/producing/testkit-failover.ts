import { createCluster } from '@ottla/testkit'
import { Kafka, silentLogger } from '../../../src/index.ts'
import { ChaosRandom } from '../chaos-random.ts'

/** How a leader fails: its process dies, or it hangs with its connections open. */
export type Failure = 'kill' | 'hang'

const sendEveryMs = 20
const observeEveryMs = 5

/** From the election of another leader to the first record that it acknowledges, in ms of virtual time. */
export async function testkitFailoverMs(seed: number, failure: Failure): Promise<number> {
  const random = new ChaosRandom(seed, failure)
  const topics = [{ name: 't', partitions: 1, replicationFactor: 3 }]
  const cluster = await createCluster({ time: 'virtual', seed, brokers: 3, topics })
  const kafka = new Kafka({ brokers: cluster.bootstrap, runtime: cluster.runtime, logger: silentLogger })
  const nowMs = () => cluster.virtual?.nowMs ?? 0
  try {
    return await cluster.run(async () => {
      const producer = kafka.producer()
      await producer.send({ topic: 't', value: 'first' })
      const { leader } = cluster.partition('t', 0)
      const broker = cluster.broker(leader)
      await cluster.clock.advance(random.between(0, 1_000))
      if (failure === 'kill') await broker.kill()
      else broker.pause()
      let electedMs = Number.POSITIVE_INFINITY
      let throughMs: number | undefined
      let nextMs = 0
      while (throughMs === undefined) {
        if (nowMs() >= nextMs) {
          nextMs = nowMs() + sendEveryMs
          void producer.send({ topic: 't', value: 'next' }).then(() => {
            if (nowMs() >= electedMs) throughMs ??= nowMs()
          })
        }
        await cluster.clock.advance(observeEveryMs)
        const now = cluster.partition('t', 0).leader
        if (electedMs === Number.POSITIVE_INFINITY && now >= 0 && now !== leader) electedMs = nowMs()
      }
      broker.resume()
      await producer.flush()
      await kafka.close()
      return throughMs - electedMs
    })
  } finally {
    await cluster.close()
  }
}
