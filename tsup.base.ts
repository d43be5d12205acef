import { defineConfig, type Options } from 'tsup'

/** ESM and CommonJS side by side. Declarations come from tsc: TypeScript 7 has no compiler API for tsup to use. */
export function libraryConfig(entry: Record<string, string>): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry,
    format: ['esm', 'cjs'],
    target: 'node20',
    platform: 'node',
    // There is no `test` without its prefix.
    removeNodeProtocol: false,
    clean: true,
    sourcemap: true,
    // Shared chunks for CommonJS too: without them a class would exist once per entry and `instanceof` would fail.
    splitting: true,
    dts: false,
    silent: true,
    // The sources ship beside the maps: once is enough.
    esbuildOptions: (options) => {
      options.sourcesContent = false
    },
  } satisfies Options)
}
