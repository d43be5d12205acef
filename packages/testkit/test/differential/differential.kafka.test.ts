import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { InitProducerId } from '@ottla/codec'
import { describe, expect, inject, test } from 'vitest'
import { type KafkaAddresses, startKafka } from '../../../../tools/kafka/index.mjs'
import { skipReason } from '../../../../tools/skip-reason.ts'
import { Wire } from '../support/wire.ts'
import { GroupScript } from './group-script.ts'
import { LogScript } from './log-script.ts'
import { type Line, parseLines } from './recorder.ts'
import { TopicScript } from './topic-script.ts'
import { TransactionScript } from './transaction-script.ts'

declare module 'vitest' {
  interface ProvidedContext {
    kafkaControl: string
    kafkaMissing: string
  }
}

const kafkaMissing = inject('kafkaMissing')
const skipped = kafkaMissing !== '' && process.env.CI !== 'true'

/** The first start may have to download Kafka. */
const startTimeoutMs = 600_000

describe.skipIf(skipped)('a real Kafka responds as recorded', skipReason(kafkaMissing), () => {
  const scripts = {
    groups: (bootstrap: string, run: string) => new GroupScript(bootstrap, run).play(),
    topics: (bootstrap: string, run: string) => TopicScript.play(bootstrap, run),
  }
  test.each(['groups', 'topics'] as const)(
    'about %s',
    async (name) => {
      const response = await fetch(`${inject('kafkaControl')}/addresses`)
      if (!response.ok) throw new Error(await response.text())
      const { bootstrap } = (await response.json()) as KafkaAddresses
      const lines: readonly Line[] = await scripts[name](bootstrap[0] ?? '', `run${process.pid}`)
      const recorded = readFileSync(new URL(`./${name}.kafka-4.3.1.ndjson`, import.meta.url), 'utf8')
      expect(lines.map((line) => JSON.stringify(line)).join('\n')).toBe(recorded.trim())
    },
    startTimeoutMs,
  )

  // One broker, which is coordinator and leader of everything in the script.
  test(
    'about transactions',
    async () => {
      const kafka = await startKafka({ brokers: 1 })
      try {
        // The first producer id is 0, which the script treats as none, so another producer gets it.
        const wire = await Wire.open(kafka.bootstrap[0] ?? '')
        await wire.request(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 60_000 })
        wire.close()
        const lines = await TransactionScript.play(kafka.bootstrap[0] ?? '', 'run')
        const recorded = readFileSync(new URL('./transactions.kafka-4.3.1.ndjson', import.meta.url), 'utf8')
        expect(lines).toEqual(parseLines(recorded))
      } finally {
        await kafka.close()
      }
    },
    startTimeoutMs,
  )

  test(
    'about retention and compaction',
    async () => {
      const config = {
        'log.initial.task.delay.ms': '0',
        'log.retention.check.interval.ms': '200',
        'log.cleaner.backoff.ms': '50',
      }
      const kafka = await startKafka({ brokers: 1, config })
      try {
        const lines = await LogScript.play(kafka.bootstrap[0] ?? '', Date.now(), untilQuiet)
        const recorded = readFileSync(new URL('./logs.kafka-4.3.1.ndjson', import.meta.url), 'utf8')
        expect(lines).toEqual(parseLines(recorded))
      } finally {
        await kafka.close()
      }
    },
    startTimeoutMs,
  )
})

/** Waits until Kafka's log maintenance has changed nothing for a while. */
async function untilQuiet(look: () => Promise<string>): Promise<void> {
  let before = ''
  for (let quiet = 0; quiet < 12; ) {
    await sleep(250)
    const now = await look()
    quiet = now === before ? quiet + 1 : 0
    before = now
  }
}
