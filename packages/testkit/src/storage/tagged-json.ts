/** Types that JSON lacks are objects with one key that starts with this mark. */
const mark = '$'

/** JSON with maps, sets, bigints and bytes. Throws TypeError for other objects that are not plain. */
export function toTaggedJson(value: unknown): string {
  return JSON.stringify(tagged(value))
}

export function fromTaggedJson(text: string): unknown {
  return untagged(JSON.parse(text))
}

function tagged(value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: String(value) }
  if (typeof value === 'function' || typeof value === 'symbol')
    throw new TypeError(`A ${typeof value} cannot be stored`)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(tagged)
  if (value instanceof Map) return { $map: Array.from(value, ([key, item]) => [tagged(key), tagged(item)]) }
  if (value instanceof Set) return { $set: Array.from(value, tagged) }
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`A ${prototype?.constructor?.name ?? 'class'} cannot be stored: only plain data can`)
  }
  const entries = Object.entries(value).map(([key, item]) => [key, tagged(item)] as const)
  if (entries.some(([key]) => key.startsWith(mark))) return { $object: entries }
  return Object.fromEntries(entries)
}

function untagged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(untagged)
  const entries = Object.entries(value)
  const [first] = entries
  if (entries.length === 1 && first?.[0].startsWith(mark)) return untaggedAs(first[0], first[1])
  return Object.fromEntries(entries.map(([key, item]) => [key, untagged(item)]))
}

function untaggedAs(tag: string, value: unknown): unknown {
  if (tag === '$bigint') return BigInt(String(value))
  if (tag === '$bytes') return Buffer.from(String(value), 'base64')
  if (!Array.isArray(value)) throw new TypeError(`Tag ${tag} requires a list`)
  if (tag === '$set') return new Set(value.map(untagged))
  const pairs = value.map((pair) => [untagged(pair[0]), untagged(pair[1])] as const)
  if (tag === '$map') return new Map(pairs)
  if (tag === '$object') return Object.fromEntries(pairs)
  throw new TypeError(`Unknown tag ${tag}`)
}
