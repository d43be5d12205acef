/** For the bytes of short strings, which live until the next one is encoded. */
const scratch = Buffer.allocUnsafeSlow(1024)
const mostBytesPerUnit = 3

/** Calls `hash` with the UTF-8 bytes of a key and their number, without an allocation for a key of up to 341 characters. */
export function hashOfKey(key: string | Uint8Array, hash: (bytes: Uint8Array, length: number) => number): number {
  if (typeof key !== 'string') return hash(key, key.length)
  if (key.length * mostBytesPerUnit <= scratch.length) return hash(scratch, scratch.write(key))
  const bytes = Buffer.from(key)
  return hash(bytes, bytes.length)
}
