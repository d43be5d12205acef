import { defineConfig } from 'vitest/config'

// Apart from the unit tests, because these need Java and the jars of Kafka.
export default defineConfig({
  test: { root: import.meta.dirname, include: ['*.conformance.ts'], testTimeout: 300_000 },
})
