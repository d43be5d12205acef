import { DecodeError } from '../wire/decode-error.ts'
import { pathText } from '../wire/path.ts'
import type { Reader } from '../wire/reader.ts'
import type { MessageTable } from './api.ts'
import type { Fields, FieldTable } from './fields.ts'
import type { Decoded } from './infer.ts'
import {
  defaultOf,
  type FieldPlan,
  leastBytesOf,
  planFields,
  type StructValue,
  taggedOf,
  type Version,
} from './plan.ts'
import { keepUnknownTag } from './unknown-tags.ts'
import { includes } from './versions.ts'

type Decode = (reader: Reader) => unknown
export type Decoder<M> = (reader: Reader) => Decoded<M>

/** Longer arrays grow while they are read, so memory follows the actual data and not the claimed count. */
const presizedLength = 1024

const cache = new WeakMap<MessageTable, Decode[]>()

/** The decoder of one version of a message, compiled on first use. It throws DecodeError for malformed bytes. */
export function decoderOf<F>(message: MessageTable<F>, version: number): Decoder<MessageTable<F>> {
  const known = message as unknown as MessageTable
  let decoders = cache.get(known)
  if (decoders === undefined) {
    decoders = []
    cache.set(known, decoders)
  }
  decoders[version] ??= compileDecoder(known, version)
  return decoders[version] as Decoder<MessageTable<F>>
}

function compileDecoder(message: MessageTable, version: number): Decode {
  const { name, versions, generated } = message
  if (!includes(versions, version)) throw new RangeError(`${name} has no version ${version}`)
  if (generated === undefined) return tableDecoder(message, version)
  let fromTable: Decode | undefined
  return (reader) => {
    const start = reader.offset
    try {
      return generated.read(reader, version)
    } catch (error) {
      // Decoded again by the table, which names the malformed field.
      reader.offset = start
      fromTable ??= tableDecoder(message, version)
      fromTable(reader)
      throw error
    }
  }
}

function tableDecoder(message: MessageTable, version: number): Decode {
  const { name, flexible } = message
  const decode = structDecoder(message.fields, { version, flexible: includes(flexible, version) })
  return (reader) => {
    try {
      return decode(reader)
    } catch (error) {
      const { offset } = reader
      const reason = (error as Error).message.replace(/ \(at byte \d+\)$/, '')
      throw new DecodeError(reason, { what: name, version, path: pathText(reader.path), offset, cause: error })
    }
  }
}

function structDecoder(fields: Fields, version: Version): Decode {
  const plans = planFields(fields, version)
  // Fields that may be absent start with their default, so that all objects have one shape.
  const steps = plans.map((plan) => (plan.place === 'plain' ? valueDecoder(plan, version) : defaultOf(plan.table)))
  const names = plans.map((plan) => plan.name)
  const decodeTags = version.flexible ? tagsDecoder(taggedOf(plans), version) : undefined
  const count = steps.length
  return (reader) => {
    const struct: StructValue = {}
    let i = 0
    try {
      for (; i < count; i++) struct[names[i]!] = steps[i]!(reader)
    } catch (error) {
      reader.path.push(names[i]!)
      throw error
    }
    if (decodeTags !== undefined) decodeTags(reader, struct)
    return struct
  }
}

function tagsDecoder(plans: FieldPlan[], version: Version): (reader: Reader, struct: StructValue) => void {
  const tags = new Map(
    plans.map((plan) => [plan.table.options.tag!, { name: plan.name, decode: valueDecoder(plan, version) }]),
  )
  return (reader, struct) => {
    for (let left = reader.uvarint(); left > 0; left--) {
      const number = reader.uvarint()
      const tag = tags.get(number)
      const size = reader.uvarint()
      // A tag of a later Kafka: kept, not interpreted (KIP-482).
      if (tag === undefined) {
        keepUnknownTag(struct, number, reader.raw(size))
        continue
      }
      const end = reader.offset + size
      try {
        struct[tag.name] = tag.decode(reader)
        if (reader.offset !== end) throw reader.error(`does not fill its ${size} bytes`)
      } catch (error) {
        reader.path.push(tag.name)
        throw error
      }
    }
  }
}

function valueDecoder(plan: FieldPlan, version: Version): Decode {
  const { table, nullable, compact } = plan
  switch (table.type) {
    case 'bool':
      return (reader) => reader.bool()
    case 'int8':
      return (reader) => reader.int8()
    case 'int16':
      return (reader) => reader.int16()
    case 'uint16':
      return (reader) => reader.uint16()
    case 'int32':
      return (reader) => reader.int32()
    case 'int64':
      return (reader) => reader.int64()
    case 'float64':
      return (reader) => reader.float64()
    case 'uuid':
      return (reader) => reader.uuid()
    case 'string':
      return (reader) => {
        const length = compact ? reader.compactLength() : reader.stringLength()
        return length === -1 && nullable ? null : reader.utf8(length)
      }
    case 'bytes':
    case 'records':
      return (reader) => {
        const length = compact ? reader.compactLength() : reader.bytesLength()
        return length === -1 && nullable ? null : reader.raw(length)
      }
    case 'struct': {
      const decode = structDecoder(table.fields!, version)
      if (!nullable) return decode
      // A struct is preceded by 1; null is -1, or 0 in a tagged field.
      return (reader) => (reader.int8() <= 0 ? null : decode(reader))
    }
    case 'array':
      return arrayDecoder(plan, elementPlan(table.element!, compact), version)
  }
}

function arrayDecoder({ compact, nullable }: FieldPlan, element: FieldPlan, version: Version): Decode {
  const decode = valueDecoder(element, version)
  const leastBytes = Math.max(1, leastBytesOf(element, version))
  return (reader) => {
    const length = compact ? reader.compactArrayLength(leastBytes) : reader.arrayLength(leastBytes)
    if (length < 0) {
      if (length === -1 && nullable) return null
      throw reader.error(`length ${length} where an array must be`)
    }
    const values = length <= presizedLength ? new Array<unknown>(length) : []
    let i = 0
    try {
      for (; i < length; i++) values[i] = decode(reader)
    } catch (error) {
      reader.path.push(i)
      throw error
    }
    return values
  }
}

function elementPlan(table: FieldTable, compact: boolean): FieldPlan {
  return { name: '', table, compact, place: 'plain', nullable: false, optional: false, ignorable: false }
}
