/**
 * Loads a package that the user may have installed. Undefined if it is missing, cannot be loaded on this machine, or
 * lacks one of the required functions. Their types are the caller's claim.
 */
export async function optionalPackage<T extends object>(
  name: string,
  functions: readonly (keyof T)[],
): Promise<T | undefined> {
  try {
    // Bundlers leave this import to Node: the name is no literal, and webpack and Vite read the comments.
    const loaded = (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as { readonly default?: T }
    const found = loaded.default
    return found !== undefined && functions.every((key) => typeof found[key] === 'function') ? found : undefined
  } catch {
    return undefined
  }
}
