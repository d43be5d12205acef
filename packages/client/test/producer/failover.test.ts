import { expect, test } from 'vitest'
import type { Receipt } from '../../src/index.ts'
import { onTestkit } from '../support/on-testkit.ts'

const partitions = 3

test('a leader killed and restarted under load: no record lost, repeated or out of order', () =>
  onTestkit(
    {
      brokers: 3,
      topics: { t: partitions },
      replicationFactor: 3,
      configs: { 'min.insync.replicas': 2 },
      config: { 'broker.session.timeout.ms': 300 },
    },
    async ({ cluster, kafka, advance }) => {
      const producer = kafka.producer({ maxBatchBytes: 2048 })
      const receipts: Receipt[] = []
      const failures: unknown[] = []
      let sent = 0
      const load = async (records: number) => {
        for (const until = sent + records; sent < until; ) {
          for (let burst = 0; burst < 30; burst++, sent++) {
            const n = sent
            const record = { topic: 't', value: `${n} ${'x'.repeat(200)}`, partition: n % partitions }
            producer.enqueue(record, (error, receipt) => {
              if (receipt !== undefined) receipts[n] = receipt
              else failures.push(error)
            })
          }
          await advance(10)
        }
      }
      await load(3000)
      const killed = cluster.partition('t', 0).leader
      await cluster.broker(killed).kill()
      await load(3000)
      await producer.flush()
      expect(cluster.partition('t', 0).leader).not.toBe(killed)
      await cluster.broker(killed).restart()
      await load(3000)
      await producer.flush()
      await advance('5s')

      expect(failures).toEqual([])
      let stored = 0
      for (let partition = 0; partition < partitions; partition++) {
        const offsets = receipts
          .filter((receipt) => receipt.partition === partition)
          .map(({ offset }) => Number(offset))
        // Each receipt has its own offset, in the order of the calls, and the log has no other record.
        expect(offsets).toEqual(offsets.map((_, i) => i))
        const { highWatermark, logEndOffset } = cluster.partition('t', partition)
        expect([highWatermark, logEndOffset]).toEqual([offsets.length, offsets.length])
        stored += offsets.length
      }
      expect(stored).toBe(sent)
      expect(kafka.metrics().counters['producer.retries']).toBeGreaterThan(0)
    },
  ))
