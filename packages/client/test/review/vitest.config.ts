import { defineConfig } from 'vitest/config'

/** Workspace packages resolve to their live TypeScript, as in the configuration of the repository. */
const conditions = ['@ottla/source', 'module', 'node', 'development']
const resolve = { conditions }

/** Known defects: these tests fail until the consumer is rebuilt, so no other configuration includes them. */
export default defineConfig({
  resolve,
  ssr: { resolve },
  test: { include: ['packages/client/test/review/*.review.ts'], pool: 'forks', maxWorkers: 1 },
})
