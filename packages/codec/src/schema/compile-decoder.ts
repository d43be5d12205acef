import type { Message } from './api.ts'
import type { Fields, FieldTable } from './fields.ts'
import type { Decoded } from './infer.ts'
import { defaultOf, planFields, taggedOf, type FieldPlan, type Version } from './plan.ts'
import { includes } from './versions.ts'
import type { Reader } from '../wire/reader.ts'

type Decode = (reader: Reader) => any
export type Decoder<M> = (reader: Reader) => Decoded<M>

const cache = new WeakMap<Message, Decoder<any>[]>()

/** The decoder of one version of a message, compiled on first use. */
export function decoderOf<F>(message: Message<F>, version: number): Decoder<Message<F>> {
  const known = message as unknown as Message
  let decoders = cache.get(known)
  if (decoders === undefined) cache.set(known, (decoders = []))
  return (decoders[version] ??= compileDecoder(known, version)) as Decoder<Message<F>>
}

export function compileDecoder(message: Message, version: number): Decode {
  const { name, versions, flexible } = message
  if (!includes(versions, version)) throw new RangeError(`${name} has no version ${version}`)
  const decode = structDecoder(message.fields, { version, flexible: includes(flexible, version) })
  return (reader) => {
    try {
      return decode(reader)
    } catch (error) {
      throw new RangeError(`${name} version ${version}: ${(error as Error).message}`, { cause: error })
    }
  }
}

function structDecoder(fields: Fields, version: Version): Decode {
  const plans = planFields(fields, version)
  // Fields that are not on the wire, or perhaps not, start as their default: so all objects have one shape.
  const steps = plans.map((plan) => (plan.place === 'plain' ? valueDecoder(plan, version) : defaultOf(plan.table)))
  const names = plans.map((plan) => plan.name)
  const readTags = version.flexible ? tagsDecoder(taggedOf(plans), version) : undefined
  const count = steps.length
  return (reader) => {
    const struct: Record<string, unknown> = {}
    for (let i = 0; i < count; i++) struct[names[i]!] = steps[i]!(reader)
    if (readTags !== undefined) readTags(reader, struct)
    return struct
  }
}

function tagsDecoder(plans: FieldPlan[], version: Version): (reader: Reader, struct: Record<string, unknown>) => void {
  const tags = new Map(
    plans.map((plan) => [plan.table.options.tag!, { name: plan.name, decode: valueDecoder(plan, version) }]),
  )
  return (reader, struct) => {
    for (let left = reader.uvarint(); left > 0; left--) {
      const tag = tags.get(reader.uvarint())
      const size = reader.uvarint()
      const end = reader.offset + size
      if (tag === undefined) {
        reader.skip(size)
        continue
      }
      struct[tag.name] = tag.decode(reader)
      if (reader.offset !== end) throw new RangeError(`${tag.name} does not fill its ${size} bytes`)
    }
  }
}

function valueDecoder({ name, table, nullable, compact }: FieldPlan, version: Version): Decode {
  const missing = nullable ? () => null : () => refuseNull(name)
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
        return length < 0 ? missing() : reader.utf8(length)
      }
    case 'bytes':
    case 'records':
      return (reader) => {
        const length = compact ? reader.compactLength() : reader.bytesLength()
        return length < 0 ? missing() : reader.raw(length)
      }
    case 'struct': {
      const decode = structDecoder(table.fields!, version)
      if (!nullable) return decode
      // 1 before a struct; before null -1, but in a tagged field 0.
      return (reader) => (reader.int8() <= 0 ? null : decode(reader))
    }
    case 'array': {
      const decode = elementDecoder(name, table.element!, compact, version)
      return (reader) => {
        const length = compact ? reader.compactArrayLength() : reader.arrayLength()
        if (length < 0) return missing()
        const values = new Array(length)
        for (let i = 0; i < length; i++) values[i] = decode(reader)
        return values
      }
    }
  }
}

function elementDecoder(name: string, table: FieldTable, compact: boolean, version: Version): Decode {
  return valueDecoder(
    { name, table, compact, place: 'plain', nullable: false, optional: false, ignorable: false },
    version,
  )
}

function refuseNull(name: string): never {
  throw new RangeError(`${name} must not be null`)
}
