import { inject } from 'vitest'
import type { KafkaAddresses } from '../../../../tools/kafka/index.mjs'
import type {} from './global-setup.ts'

/** Why tests on a real Kafka cannot run here; empty if they can. With CI=true they run anyway, and fail with the reason. */
export const kafkaMissing: string = inject('kafkaMissing')
export const skipsKafka: boolean = kafkaMissing !== '' && process.env.CI !== 'true'

/** The release of the real Kafka, such as 3.9; Infinity: the latest. */
export const kafkaRelease = Number(process.env.OTTLA_KAFKA_RELEASE ?? Number.POSITIVE_INFINITY)

/** The first start may have to download Kafka. */
export const kafkaStartTimeoutMs = 600_000

async function control(path: string): Promise<KafkaAddresses> {
  const response = await fetch(`${inject('kafkaControl')}/${path}`)
  const body = await response.text()
  if (!response.ok) throw new Error(body)
  return JSON.parse(body) as KafkaAddresses
}

/** The brokers shared by all test files; started by the first request. */
export const sharedKafka = (): Promise<KafkaAddresses> => control('addresses')

/** Kills a shared broker: start it again before the test ends. */
export const stopBroker = (id: number): Promise<unknown> => control(`stop/${id}`)
export const startBroker = (id: number): Promise<unknown> => control(`start/${id}`)
