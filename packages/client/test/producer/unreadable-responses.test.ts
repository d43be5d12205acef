import { ApiVersions, Produce } from '@ottla/codec'
import type { FaultAction } from '@ottla/testkit'
import { expect, test } from 'vitest'
import type { Receipt } from '../../src/index.ts'
import { onTestkit } from '../support/on-testkit.ts'

test.each<[string, FaultAction]>([
  ['random bytes', { garbage: 100 }],
  ['a wrong correlation id', 'wrongCorrelationId'],
  ['half of a response', { truncateTo: 10 }],
  ['no response, and the end of the connection', 'closeAfterWork'],
])('%s in place of one response fails no record of the connection, and repeats none', (_, action) =>
  onTestkit({ topics: { t: 3 }, onDiagnostic: () => {} }, async (scenario) => {
    const producer = scenario.kafka.producer({ maxBatchBytes: 1024 })
    await producer.send([0, 1, 2].map((partition) => ({ topic: 't', partition, value: 'first' })))
    const fault = scenario.fault('Produce', action, 'once')
    const failures: unknown[] = []
    const receipts: Receipt[] = []
    for (let n = 0; n < 60; n++) {
      const record = { topic: 't', partition: n % 3, value: `${n}`.padEnd(300) }
      producer.enqueue(record, (error, receipt) => {
        if (receipt === undefined) failures.push(error)
        else receipts.push(receipt)
      })
    }
    await producer.flush()
    expect(fault.hits).toBe(1)
    expect(failures).toEqual([])
    expect(receipts).toHaveLength(60)
    for (const partition of [0, 1, 2]) {
      const numbers = (await scenario.values('t', partition)).slice(1).map(Number)
      expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => 3 * i + partition))
    }
    // The versions are those of before.
    for (const api of [ApiVersions, Produce]) {
      expect(new Set(scenario.seen(api).map(({ version }) => version)).size).toBe(1)
    }
  }),
)
