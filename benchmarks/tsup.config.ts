import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { run: 'src/run.ts', worker: 'src/worker.ts', 'testkit-tasks': 'src/testkit-tasks.ts' },
  format: 'esm',
  target: 'node20',
  clean: true,
  dts: false,
  sourcemap: true,
  // Kept as an import of the built file: it finds its own files beside itself.
  external: [/tools\/kafka/],
})
