/**
 * The iteration order of a Java `HashMap` or `HashSet`. Kafka's server-side assignors break ties by it, so assigning like Kafka
 * requires it. Elements in the same bucket keep their insertion order. `capacity` is the initial one, a power of two.
 */
function inHashOrder<T>(items: Iterable<T>, hashOf: (item: T) => number, capacity = 16): T[] {
  const list = [...items]
  let buckets = capacity
  while (buckets * 0.75 < list.length) buckets *= 2
  const bucketOf = (item: T): number => {
    const hash = hashOf(item)
    return (hash ^ (hash >>> 16)) & (buckets - 1)
  }
  return list
    .map((item) => ({ item, bucket: bucketOf(item) }))
    .sort((a, b) => a.bucket - b.bucket)
    .map(({ item }) => item)
}

/** `String.hashCode()`. */
export function stringHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

/** `hashCode()` of a `Map` of strings; a value may be null. */
export function stringMapHash(entries: Iterable<readonly [string, string | null]>): number {
  let hash = 0
  for (const [key, value] of entries) hash = (hash + (stringHash(key) ^ (value === null ? 0 : stringHash(value)))) | 0
  return hash
}

/** The order of a `HashMap` that was created with an initial capacity, as Kafka's images are for the size of the image before. */
export function inHashOrderOf<T>(items: Iterable<T>, hashOf: (item: T) => number, initialCapacity: number): T[] {
  return inHashOrder(items, hashOf, 2 ** Math.ceil(Math.log2(Math.max(1, initialCapacity))))
}

/** `hashCode()` of Kafka's `Uuid`: its four words, combined by XOR. */
function uuidHash(id: string): number {
  const bytes = Buffer.from(id, 'base64url')
  return bytes.readInt32BE(0) ^ bytes.readInt32BE(4) ^ bytes.readInt32BE(8) ^ bytes.readInt32BE(12)
}

/** `compareTo` of Kafka's `Uuid`: two signed longs. */
export function compareUuids(a: string, b: string): number {
  const left = Buffer.from(a, 'base64url')
  const right = Buffer.from(b, 'base64url')
  for (const at of [0, 8]) {
    const difference = left.readBigInt64BE(at) - right.readBigInt64BE(at)
    if (difference !== 0n) return difference < 0n ? -1 : 1
  }
  return 0
}

const byNumber = (value: number): number => value

export const stringsInHashOrder = (items: Iterable<string>): string[] => inHashOrder(items, stringHash)
export const uuidsInHashOrder = (items: Iterable<string>): string[] => inHashOrder(items, uuidHash)
export const numbersInHashOrder = (items: Iterable<number>): number[] => inHashOrder(items, byNumber)
