import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    run: 'src/run.ts',
    worker: 'src/worker.ts',
    'testkit-tasks': 'src/testkit-tasks.ts',
    'partitions-task': 'src/partitions-task.ts',
  },
  format: 'esm',
  target: 'node20',
  clean: true,
  dts: false,
  sourcemap: true,
  // Remains an import in the built file, because it locates its own files relative to itself.
  external: [/tools\/kafka/],
})
