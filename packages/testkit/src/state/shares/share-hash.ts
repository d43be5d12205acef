import type { MetadataView } from '../metadata-view.ts'

/** Changes when a topic comes, goes or grows: then a group has to be assigned anew. 0: there is no topic. */
export function shareHash(view: MetadataView, topics: ReadonlySet<string>): bigint {
  const text = [...topics]
    .sort()
    .flatMap((name) => view.topic(name) ?? [])
    .map(({ id, name, partitions }) => `${name}:${id}:${partitions.length}`)
    .join(' ')
  if (text === '') return 0n
  // FNV-1a, of which 63 bits are a positive number on the wire.
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(text)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn
  return hash >> 1n
}
