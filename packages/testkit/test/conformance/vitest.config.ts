import { defineConfig } from 'vitest/config'

const conditions = ['@ottla/source', 'module', 'node', 'development']
const resolve = { conditions }

// Separate from the unit tests, because these require Java and the jars of Kafka.
export default defineConfig({
  resolve,
  ssr: { resolve: { conditions } },
  test: { root: import.meta.dirname, include: ['*.conformance.ts'] },
})
