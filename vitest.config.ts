import { defineConfig } from 'vitest/config'

/** Workspace packages resolve to their live TypeScript, so a test never runs against a stale `dist`. */
const conditions = ['@ottla/source', 'module', 'node', 'development']
const resolve = { conditions }
const ssr = { resolve: { conditions } }

/** Tests that start programs of their own: one file at a time, because a program on a busy machine is slow. */
const programs = ['examples/test/**/*.test.ts', 'docs/*.test.ts']

/** Tests that start a real Kafka: one file at a time, after all others, because three brokers need a small machine for themselves. */
const realKafka = ['packages/client/test/{scenarios,interop}/**/*.test.ts', '**/*.kafka.test.ts']

export default defineConfig({
  resolve,
  ssr,
  test: {
    reporters: ['default', './scripts/tally-reporter.mjs'],
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts'],
          exclude: [...realKafka, '**/node_modules/**', '**/dist/**'],
          pool: 'forks',
          maxWorkers: 2,
          // Ends a test that hangs; it is no limit on how fast one should be.
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'integration',
          include: [
            'packages/*/test/**/*.test.ts',
            'examples/src/**/*.test.ts',
            'tools/**/*.test.ts',
            'benchmarks/src/**/*.test.ts',
            'scripts/**/*.test.ts',
          ],
          exclude: [...realKafka, '**/node_modules/**', '**/dist/**'],
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'programs',
          include: programs,
          exclude: [...realKafka, '**/node_modules/**', '**/dist/**'],
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'real-kafka',
          include: realKafka,
          globalSetup: 'packages/client/test/support/global-setup.ts',
          exclude: ['**/node_modules/**', '**/dist/**'],
          pool: 'forks',
          maxWorkers: 1,
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
