// What the code blocks of the documentation may use without declaring it. docs/run/globals.ts has the values.

import type { createCluster as createClusterFunction, TestCluster } from '@ottla/testkit'
import type { Admin, Consumer, Kafka as KafkaClass, Message, Producer } from 'ottla'

declare global {
  const Kafka: typeof KafkaClass
  const createCluster: typeof createClusterFunction
  const kafka: KafkaClass
  const producer: Producer
  const consumer: Consumer
  const admin: Admin
  const cluster: TestCluster
  /** A response to FindCoordinator, version 6. */
  const frame: Uint8Array
  function handle(message: Message, signal?: AbortSignal): Promise<void>
  function saveWork(work: unknown): Promise<void>
}
