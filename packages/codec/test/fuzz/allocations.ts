// Counts the bytes requested from Buffer: a wrong length shows there before any memory is touched.

let total = 0

/** Bytes requested since `watchAllocations`. */
export function allocatedBytes(): number {
  return total
}

const makers = ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const

/** Counts until the function that it returns is called. */
export function watchAllocations(): () => void {
  const originals = makers.map((name) => [name, Buffer[name]] as const)
  for (const [name, original] of originals) {
    Buffer[name] = (size: number, ...rest: []) => {
      total += size
      return original(size, ...rest)
    }
  }
  return () => {
    for (const [name, original] of originals) Buffer[name] = original
  }
}
