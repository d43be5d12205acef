import type { Message } from './api.ts'
import type { Fields, FieldTable } from './fields.ts'
import type { Encodable } from './infer.ts'
import { defaultOf, defaultTest, planFields, taggedOf, type FieldPlan, type Version } from './plan.ts'
import { includes } from './versions.ts'
import type { Writer } from '../wire/writer.ts'

type Encode = (writer: Writer, value: any) => void
export type Encoder<M> = (writer: Writer, value: Encodable<M>) => void

const cache = new WeakMap<Message, Encoder<any>[]>()

/** The encoder of one version of a message, compiled on first use. */
export function encoderOf<F>(message: Message<F>, version: number): Encoder<Message<F>> {
  const known = message as unknown as Message
  let encoders = cache.get(known)
  if (encoders === undefined) cache.set(known, (encoders = []))
  return (encoders[version] ??= compileEncoder(known, version))
}

export function compileEncoder(message: Message, version: number): Encode {
  const { name, versions, flexible } = message
  if (!includes(versions, version)) throw new RangeError(`${name} has no version ${version}`)
  const encode = structEncoder(message.fields, { version, flexible: includes(flexible, version) })
  return (writer, value) => {
    try {
      encode(writer, value)
    } catch (error) {
      throw new TypeError(`${name} version ${version}: ${(error as Error).message}`, { cause: error })
    }
  }
}

function structEncoder(fields: Fields, version: Version): Encode {
  const plans = planFields(fields, version)
  const steps: Encode[] = plans.filter((plan) => plan.place === 'plain').map((plan) => fieldEncoder(plan, version))
  for (const plan of plans) if (plan.place === 'absent' && !plan.ignorable) steps.push(refuseOthers(plan, version))
  if (version.flexible) steps.push(tagsEncoder(taggedOf(plans), version))
  const count = steps.length
  return (writer, value) => {
    for (let i = 0; i < count; i++) steps[i]!(writer, value)
  }
}

function fieldEncoder(plan: FieldPlan, version: Version): Encode {
  const { name, table, optional } = plan
  const encode = valueEncoder(plan, version)
  const standard = optional ? defaultOf(table)() : undefined
  return (writer, struct) => {
    const value = struct[name]
    if (value !== undefined) encode(writer, value)
    else if (standard !== undefined) encode(writer, standard)
    else throw new TypeError(`${name} is missing`)
  }
}

/** A field that the version cannot carry and that must not be dropped has to be at its default. */
function refuseOthers({ name, table }: FieldPlan, { version }: Version): Encode {
  const isDefault = defaultTest(table)
  return (_, struct) => {
    if (!isDefault(struct[name])) throw new TypeError(`${name} cannot be sent in version ${version}`)
  }
}

function tagsEncoder(plans: FieldPlan[], version: Version): Encode {
  if (plans.length === 0) return (writer) => writer.uvarint(0)
  const tags = plans.map((plan) => ({
    name: plan.name,
    tag: plan.table.options.tag!,
    isDefault: defaultTest(plan.table),
    encode: valueEncoder(plan, version),
  }))
  return (writer, struct) => {
    let count = 0
    for (const { name, isDefault } of tags) if (!isDefault(struct[name])) count++
    writer.uvarint(count)
    if (count === 0) return
    for (const { name, tag, isDefault, encode } of tags) {
      const value = struct[name]
      if (isDefault(value)) continue
      writer.uvarint(tag)
      const start = writer.beginSized()
      encode(writer, value)
      writer.endSized(start)
    }
  }
}

function valueEncoder({ name, table, place, nullable, compact }: FieldPlan, version: Version): Encode {
  const encode = plainEncoder(table, compact, version)
  // A struct that may be null is preceded by a byte: 1, or for null -1, but in a tagged field 0.
  if (table.type === 'struct' && nullable) {
    const nullMark = place === 'tagged' ? 0 : -1
    return (writer, value) => {
      writer.int8(value === null ? nullMark : 1)
      if (value !== null) encode(writer, value)
    }
  }
  const encodeNull = nullable ? nullEncoder(table, compact) : () => refuseNull(name)
  return (writer, value) => {
    if (value === null) encodeNull(writer)
    else encode(writer, value)
  }
}

function refuseNull(name: string): never {
  throw new TypeError(`${name} must not be null`)
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
      return (writer, value) => writer.bool(value)
    case 'int8':
      return (writer, value) => writer.int8(value)
    case 'int16':
      return (writer, value) => writer.int16(value)
    case 'uint16':
      return (writer, value) => writer.uint16(value)
    case 'int32':
      return (writer, value) => writer.int32(value)
    case 'int64':
      return (writer, value) => writer.int64(value)
    case 'float64':
      return (writer, value) => writer.float64(value)
    case 'uuid':
      return (writer, value) => writer.uuid(value)
    case 'string':
      return compact ? (writer, value) => writer.compactString(value) : (writer, value) => writer.string(value)
    case 'bytes':
    case 'records':
      return compact ? (writer, value) => writer.compactBytes(value) : (writer, value) => writer.bytes(value)
    case 'struct':
      return structEncoder(table.fields!, version)
    case 'array': {
      const encode = plainEncoder(table.element!, compact, version)
      return (writer, value) => {
        if (compact) writer.compactArrayLength(value)
        else writer.arrayLength(value)
        for (let i = 0; i < value.length; i++) encode(writer, value[i])
      }
    }
  }
}
