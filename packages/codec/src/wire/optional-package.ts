/**
 * Loads a package that the user may have installed. Undefined if it is missing, cannot be loaded on this machine, or
 * lacks one of the required functions. Their types are the caller's claim.
 */
export async function optionalPackage<T extends object>(
  name: string,
  functions: readonly (keyof T)[],
): Promise<T | undefined> {
  try {
    // Not a literal, so that bundlers leave the import to Node.
    const loaded = (await import(name)) as { readonly default?: T }
    const found = loaded.default
    return found !== undefined && functions.every((key) => typeof found[key] === 'function') ? found : undefined
  } catch {
    return undefined
  }
}
