import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import type { KafkaAddresses } from '../../../../tools/kafka/index.mjs'
import { skipReason } from '../../../../tools/skip-reason.ts'
import { openRealKafka } from './grounds.ts'
import { kafkaMissing, kafkaStartTimeoutMs, sharedKafka, skipsKafka } from './real-kafka.ts'
import { Target } from './targets.ts'

/** The real brokers as a target, with all their listeners. */
export interface RealTarget {
  readonly target: Target
  readonly addresses: KafkaAddresses
}

/** Defines tests that need a real Kafka. */
export function onRealKafka(title: string, define: (real: () => RealTarget) => void): void {
  describe.skipIf(skipsKafka)(title, skipReason(kafkaMissing), () => {
    let real: RealTarget | undefined
    beforeAll(async () => {
      real = { addresses: await sharedKafka(), target: new Target(await openRealKafka()) }
    }, kafkaStartTimeoutMs)
    afterEach(() => real?.target.tidy(), 60_000)
    afterAll(() => real?.target.close())
    define(() => {
      if (!real) throw new Error('the brokers exist only while tests run')
      return real
    })
  })
}
