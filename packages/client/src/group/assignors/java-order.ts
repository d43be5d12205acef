// The sticky plans of Java depend on the order in which its hash tables are iterated. The leader may be a Java client in one rebalance
// and this one in the next: with another order partitions would move between members for no reason.

const smallestTable = 16

/** As String.hashCode. */
export function stringHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0
  return hash
}

/** The number of buckets of a table that has had `size` entries. */
export function tableSize(size: number): number {
  let buckets = smallestTable
  while (size > buckets * 0.75) buckets *= 2
  return buckets
}

export function bucketOf(hash: number, buckets: number): number {
  return (hash ^ (hash >>> 16)) & (buckets - 1)
}

/** The entries in the order in which a HashMap iterates over them, for distinct keys in the order of insertion. */
export function inJavaOrder<T>(entries: readonly T[], keyOf: (entry: T) => string): T[] {
  const buckets = tableSize(entries.length)
  return entries
    .map((entry) => ({ entry, bucket: bucketOf(stringHash(keyOf(entry)), buckets) }))
    .sort((a, b) => a.bucket - b.bucket)
    .map(({ entry }) => entry)
}
