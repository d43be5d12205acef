import { createRequire } from 'node:module'

// A bundle has neither sometimes; then nothing optional is found.
const here = typeof __filename === 'string' ? __filename : import.meta.url

/**
 * A package that the user may have installed, as it is for `require`; undefined if it is not there, cannot be loaded on this
 * machine, or lacks one of the functions that are wanted. The functions are what the caller says they are.
 */
export function optionalPackage<T extends object>(name: string, functions: readonly (keyof T)[]): T | undefined {
  try {
    const found = createRequire(here)(name) as T
    return functions.every((key) => typeof found[key] === 'function') ? found : undefined
  } catch {
    return undefined
  }
}
