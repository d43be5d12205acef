import { readFileSync } from 'node:fs'
import { describe, expect, inject, test } from 'vitest'
import type { KafkaAddresses } from '../../../../tools/kafka/index.mjs'
import { GroupScript } from './group-script.ts'
import type { Line } from './recorder.ts'
import { TopicScript } from './topic-script.ts'

declare module 'vitest' {
  interface ProvidedContext {
    kafkaControl: string
    kafkaMissing: string
  }
}

const kafkaMissing = inject('kafkaMissing')

/** The first start may have to download Kafka. */
const startTimeoutMs = 600_000

describe.skipIf(kafkaMissing !== '' && process.env.CI !== 'true')('a real Kafka answers what is recorded', () => {
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
})
