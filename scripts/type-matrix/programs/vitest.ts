import * as everything from '@ottla/testkit/vitest'
import { kafkaTest } from '@ottla/testkit/vitest'
import { assertType, type Equal } from './equal.js'

export { everything }

kafkaTest({ brokers: 3 })('a test', async ({ cluster, uniqueName }) => {
  assertType<Equal<typeof uniqueName, (base: string) => string>>()
  await cluster.createTopic({ name: uniqueName('t') })
})
