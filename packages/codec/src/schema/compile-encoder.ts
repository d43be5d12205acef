import { pathText } from '../wire/path.ts'
import { Writer } from '../wire/writer.ts'
import type { MessageTable } from './api.ts'
import type { Fields, FieldTable } from './fields.ts'
import type { Encodable } from './infer.ts'
import { defaultOf, defaultTest, type FieldPlan, planFields, type StructValue, taggedOf, type Version } from './plan.ts'
import { unknownTagsOf, writeTagsBelow, writeUnknownTags } from './unknown-tags.ts'
import { includes } from './versions.ts'

type Encode = (writer: Writer, value: unknown) => void
export type Encoder<M> = (writer: Writer, value: Encodable<M>) => void

const cache = new WeakMap<MessageTable, Encode[]>()

/**
 * The encoder of one version of a message, compiled on first use. It throws TypeError for a value that does not match.
 */
export function encoderOf<F>(message: MessageTable<F>, version: number): Encoder<MessageTable<F>> {
  const known = message as unknown as MessageTable
  let encoders = cache.get(known)
  if (encoders === undefined) {
    encoders = []
    cache.set(known, encoders)
  }
  encoders[version] ??= compileEncoder(known, version)
  return encoders[version] as Encoder<MessageTable<F>>
}

function compileEncoder(message: MessageTable, version: number): Encode {
  const { name, versions, generated } = message
  if (!includes(versions, version)) throw new RangeError(`${name} has no version ${version}`)
  if (generated === undefined) return tableEncoder(message, version)
  let fromTable: Encode | undefined
  return (writer, value) => {
    try {
      generated.write(writer, value, version)
    } catch (error) {
      // Encoded again by the table, into another writer, to name the field that does not match.
      fromTable ??= tableEncoder(message, version)
      fromTable(new Writer(), value)
      throw error
    }
  }
}

function tableEncoder(message: MessageTable, version: number): Encode {
  const { name, flexible } = message
  const encode = structEncoder(message.fields, { version, flexible: includes(flexible, version) })
  return (writer, value) => {
    try {
      encode(writer, value)
    } catch (error) {
      const path = pathText(writer.path)
      const { message: reason } = error as Error
      throw new TypeError(`${name} v${version}: ${path === '' ? '' : `${path}: `}${reason}`, { cause: error })
    }
  }
}

function structEncoder(fields: Fields, version: Version): Encode {
  const plans = planFields(fields, version)
  const written = plans.filter((plan) => plan.place === 'plain')
  const refused = plans.filter((plan) => plan.place === 'absent' && !plan.ignorable)
  const names = [...written, ...refused].map((plan) => plan.name)
  const steps = [
    ...written.map((plan) => fieldEncoder(plan, version)),
    ...refused.map((plan) => refuseOthers(plan, version)),
  ]
  const encodeTags = version.flexible ? tagsEncoder(taggedOf(plans), version) : undefined
  const count = steps.length
  return (writer, struct) => {
    let i = 0
    try {
      for (; i < count; i++) steps[i]!(writer, (struct as StructValue)[names[i]!])
    } catch (error) {
      writer.path.push(names[i]!)
      throw error
    }
    if (encodeTags !== undefined) encodeTags(writer, struct)
  }
}

function fieldEncoder(plan: FieldPlan, version: Version): Encode {
  const encode = valueEncoder(plan, version)
  const standard = plan.optional ? defaultOf(plan.table)() : undefined
  return (writer, value) => {
    if (value !== undefined) encode(writer, value)
    else if (standard !== undefined) encode(writer, standard)
    else throw new TypeError('is missing')
  }
}

/** A field that the version lacks and that is not ignorable must have its default value. */
function refuseOthers({ table }: FieldPlan, { version }: Version): Encode {
  const isDefault = defaultTest(table)
  return (_, value) => {
    if (!isDefault(value)) throw new TypeError(`cannot be sent in version ${version}`)
  }
}

function tagsEncoder(plans: FieldPlan[], version: Version): Encode {
  if (plans.length === 0) return (writer, value) => writeUnknownTags(writer, value as StructValue)
  const tags = plans.map((plan) => ({
    name: plan.name,
    tag: plan.table.options.tag!,
    isDefault: defaultTest(plan.table),
    encode: valueEncoder(plan, version),
  }))
  return (writer, value) => {
    const struct = value as StructValue
    const unknown = unknownTagsOf(struct)
    let count = unknown.length
    for (const { name, isDefault } of tags) if (!isDefault(struct[name])) count++
    writer.uvarint(count)
    if (count === 0) return
    let next = 0
    for (const { name, tag, isDefault, encode } of tags) {
      next = writeTagsBelow(writer, unknown, next, tag)
      if (isDefault(struct[name])) continue
      writer.uvarint(tag)
      const start = writer.beginSized()
      try {
        encode(writer, struct[name])
      } catch (error) {
        writer.path.push(name)
        throw error
      }
      writer.endSized(start)
    }
    writeTagsBelow(writer, unknown, next, Number.POSITIVE_INFINITY)
  }
}

function valueEncoder({ table, place, nullable, compact }: FieldPlan, version: Version): Encode {
  const encode = plainEncoder(table, compact, version)
  // A nullable struct is preceded by a byte: 1, or for null -1 (0 in a tagged field).
  if (table.type === 'struct' && nullable) {
    const nullMark = place === 'tagged' ? 0 : -1
    return (writer, value) => {
      writer.int8(value === null ? nullMark : 1)
      if (value !== null) encode(writer, value)
    }
  }
  const encodeNull = nullable ? nullEncoder(table, compact) : refuseNull
  return (writer, value) => {
    if (value === null) encodeNull(writer)
    else encode(writer, value)
  }
}

function refuseNull(): never {
  throw new TypeError('must not be null')
}

function nullEncoder({ type }: FieldTable, compact: boolean): (writer: Writer) => void {
  if (compact) return (writer) => writer.compactNull()
  if (type === 'string') return (writer) => writer.nullString()
  if (type === 'array') return (writer) => writer.nullArray()
  return (writer) => writer.nullBytes()
}

function plainEncoder(table: FieldTable, compact: boolean, version: Version): Encode {
  switch (table.type) {
    case 'bool':
      return (writer, value) => writer.bool(value as boolean)
    case 'int8':
      return (writer, value) => writer.int8(value as number)
    case 'int16':
      return (writer, value) => writer.int16(value as number)
    case 'uint16':
      return (writer, value) => writer.uint16(value as number)
    case 'int32':
      return (writer, value) => writer.int32(value as number)
    case 'int64':
      return (writer, value) => writer.int64(value as bigint)
    case 'float64':
      return (writer, value) => writer.float64(value as number)
    case 'uuid':
      return (writer, value) => writer.uuid(value as string)
    case 'string':
      if (compact) return (writer, value) => writer.compactString(value as string)
      return (writer, value) => writer.string(value as string)
    case 'bytes':
    case 'records':
      if (compact) return (writer, value) => writer.compactBytes(value as Uint8Array)
      return (writer, value) => writer.bytes(value as Uint8Array)
    case 'struct':
      return structEncoder(table.fields!, version)
    case 'array':
      return arrayEncoder(plainEncoder(table.element!, compact, version), compact)
  }
}

function arrayEncoder(encode: Encode, compact: boolean): Encode {
  return (writer, value) => {
    const elements = value as readonly unknown[]
    if (compact) writer.compactArrayLength(elements)
    else writer.arrayLength(elements)
    let i = 0
    try {
      for (; i < elements.length; i++) encode(writer, elements[i])
    } catch (error) {
      writer.path.push(i)
      throw error
    }
  }
}
