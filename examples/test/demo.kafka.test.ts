import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  kafkaMissing,
  kafkaStartTimeoutMs,
  sharedKafka,
  skipsKafka,
} from '../../packages/client/test/support/real-kafka.ts'
import { skipReason } from '../../tools/skip-reason.ts'
import { recount } from './recount.ts'
import { runExample } from './run-example.ts'

describe.skipIf(skipsKafka)('npm run demo -- --brokers', skipReason(kafkaMissing), () => {
  test('does the same on a real Kafka, and says what it leaves out', { timeout: kafkaStartTimeoutMs }, async () => {
    const { bootstrap } = await sharedKafka()
    const ledger = join(mkdtempSync(join(tmpdir(), 'ottla-demo-')), 'ledger.ndjson')
    const { code, lines, stderr } = await runExample('demo', ['--brokers', bootstrap.join(','), '--ledger', ledger])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const { sent, received, lost, duplicated } = recount(ledger)
    expect(lines.at(-1)).toBe(`sent ${sent} received ${received} lost ${lost} duplicated ${duplicated}`)
    expect({ received, lost, duplicated }).toEqual({ received: sent, lost: 0, duplicated: 0 })
    expect(lines.join('\n')).toContain('left out on a real Kafka: killing the leader')
  })
})
