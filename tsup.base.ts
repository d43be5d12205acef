import { defineConfig, type Options } from 'tsup'

/**
 * ES modules. scripts/cjs-twins.mjs makes the CommonJS beside them; declarations come from tsc, because TypeScript 7 has
 * no compiler API that tsup could use.
 */
export function libraryConfig(entry: Record<string, string>): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    // There is no `test` without its prefix.
    removeNodeProtocol: false,
    clean: true,
    sourcemap: true,
    // Without shared chunks a class would exist once per entry and `instanceof` would fail.
    splitting: true,
    dts: false,
    silent: true,
    // The sources ship beside the maps: once is enough.
    esbuildOptions: (options) => {
      options.sourcesContent = false
    },
  } satisfies Options)
}
