/**
 * A package that the user may have installed; undefined if it is not there, cannot be loaded on this machine, or lacks one of
 * the functions that are wanted. The functions are what the caller says they are.
 */
export async function optionalPackage<T extends object>(
  name: string,
  functions: readonly (keyof T)[],
): Promise<T | undefined> {
  try {
    // The name is no literal, so bundlers leave it to Node.
    const loaded = (await import(name)) as { readonly default?: T }
    const found = loaded.default
    return found !== undefined && functions.every((key) => typeof found[key] === 'function') ? found : undefined
  } catch {
    return undefined
  }
}
