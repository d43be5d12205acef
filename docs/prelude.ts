// What the code blocks of the documentation may use without declaring it.

import type { TestCluster } from '@ottla/testkit'
import type { Admin, Consumer, Kafka as KafkaClass, Message, Producer } from 'ottla'

declare global {
  const Kafka: typeof KafkaClass
  const kafka: KafkaClass
  const producer: Producer
  const consumer: Consumer
  const admin: Admin
  const cluster: TestCluster
  const frame: Uint8Array
  function handle(message: Message, signal?: AbortSignal): Promise<void>
  function saveWork(work: unknown): Promise<void>
}
