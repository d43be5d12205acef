import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    run: 'src/run.ts',
    'consuming-worker': 'src/consuming/worker.ts',
    'producing-worker': 'src/producing/worker.ts',
    'testkit-tasks': 'src/testkit-tasks.ts',
    'partitions-task': 'src/partitions-task.ts',
    'scale-task': 'src/scale-task.ts',
  },
  format: 'esm',
  target: 'node20',
  clean: true,
  dts: false,
  sourcemap: true,
  // Remain imports; tools/kafka in the built file, because it locates its own files relative to itself.
  external: [/tools\/kafka/, '@platformatic/kafka'],
})
