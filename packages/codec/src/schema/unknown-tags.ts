import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'

/** A tagged field that is not in the tables because a later Kafka added it. */
export interface UnknownTag {
  readonly tag: number
  /** A view into the decoded bytes. */
  readonly bytes: Uint8Array
}

/** An own property, so that a copy by spread keeps unknown tags. */
const key: unique symbol = Symbol.for('ottla.unknownTags') as never

interface Tagged {
  [key]?: UnknownTag[]
}

const none: readonly UnknownTag[] = Object.freeze([])

/**
 * The tagged fields of a decoded struct that are not in its table, ordered by tag (KIP-482). Encoding the struct writes
 * them again, so a proxy loses nothing.
 */
export function unknownTagsOf(struct: object): readonly UnknownTag[] {
  return (struct as Tagged)[key] ?? none
}

export function keepUnknownTag(struct: object, tag: number, bytes: Uint8Array): void {
  const known = (struct as Tagged)[key]
  if (known === undefined) (struct as Tagged)[key] = [{ tag, bytes }]
  else known.push({ tag, bytes })
}

/** Reads the tagged section of a struct whose table has no tagged field. */
export function readUnknownTags(reader: Reader, struct: object): void {
  for (let left = reader.uvarint(); left > 0; left--) {
    const tag = reader.uvarint()
    keepUnknownTag(struct, tag, reader.raw(reader.uvarint()))
  }
}

/** Writes the tagged section of a struct whose table has no tagged field. */
export function writeUnknownTags(writer: Writer, struct: object): void {
  const unknown = unknownTagsOf(struct)
  writer.uvarint(unknown.length)
  writeTagsBelow(writer, unknown, 0, Number.POSITIVE_INFINITY)
}

/** Writes the unknown tags from index `next` that precede the known `tag`; returns the next index. */
export function writeTagsBelow(writer: Writer, unknown: readonly UnknownTag[], next: number, tag: number): number {
  let at = next
  for (; at < unknown.length && unknown[at]!.tag < tag; at++) {
    const { tag: number, bytes } = unknown[at]!
    writer.uvarint(number)
    writer.uvarint(bytes.length)
    writer.raw(bytes)
  }
  if (unknown[at]?.tag === tag)
    throw new TypeError(`tag ${tag} was kept as unknown, but this version has a field for it`)
  return at
}
