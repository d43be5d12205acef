import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Where `scripts/bench.mjs` installs what is not a dependency of the workspace. */
const folder = new URL('../peers/', import.meta.url)

/** A package of `benchmarks/peers`; the caller knows the part of it that it uses. */
export async function installed<T>(name: string): Promise<T> {
  const path = createRequire(new URL('package.json', folder)).resolve(name)
  return (await import(pathToFileURL(path).href)) as T
}

/** The Node.js release of `benchmarks/peers`. */
export const newerNode = fileURLToPath(new URL('node_modules/node/bin/node', folder))
