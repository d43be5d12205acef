import { readFileSync } from 'node:fs'
import { expect, inject, test } from 'vitest'
import type { KafkaAddresses } from '../../../../tools/kafka/index.mjs'
import { GroupScript } from './group-script.ts'

declare module 'vitest' {
  interface ProvidedContext {
    kafkaControl: string
    kafkaMissing: string
  }
}

const kafkaMissing = inject('kafkaMissing')

test.skipIf(kafkaMissing !== '' && process.env.CI !== 'true')(
  'a real Kafka answers what the recording says it does',
  async () => {
    const response = await fetch(`${inject('kafkaControl')}/addresses`)
    const { bootstrap } = (await response.json()) as KafkaAddresses
    const lines = await new GroupScript(bootstrap[0] ?? '', `run${process.pid}`).play()
    const golden = readFileSync(new URL('./groups.kafka-4.3.1.ndjson', import.meta.url), 'utf8')
    expect(lines.map((line) => JSON.stringify(line)).join('\n')).toBe(golden.trim())
  },
  600_000,
)
