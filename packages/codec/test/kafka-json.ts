// Messages in the JSON of Kafka's own converters.
import type { MessageTable } from '../src/schema/api.ts'
import type { Fields, FieldTable } from '../src/schema/fields.ts'
import { defaultOf, defaultTest, planFields, type StructValue, type Version } from '../src/schema/plan.ts'
import { versionOf } from './samples.ts'

/** The JSON text that Kafka's converter of this message reads. */
export function kafkaJson(message: MessageTable, version: number, value: StructValue): string {
  return jsonStruct(message.fields, versionOf(message, version), value)
}

function jsonStruct(fields: Fields, version: Version, struct: StructValue): string {
  const entries: string[] = []
  for (const { name, table, place } of planFields(fields, version)) {
    if (place === 'absent' || (place === 'tagged' && defaultTest(table)(struct[name]))) continue
    entries.push(`${JSON.stringify(name)}:${jsonValue(table, version, struct[name])}`)
  }
  return `{${entries.join(',')}}`
}

function jsonValue(table: FieldTable, version: Version, value: unknown): string {
  if (value === null) return 'null'
  switch (table.type) {
    case 'int64':
      return String(value)
    case 'float64':
      // Kafka's converter refuses an integer here.
      return Number.isInteger(value) ? (value as number).toFixed(1) : String(value)
    case 'bytes':
    case 'records':
      return JSON.stringify((value as Buffer).toString('base64'))
    case 'struct':
      return jsonStruct(table.fields!, version, value as StructValue)
    case 'array':
      return `[${(value as unknown[]).map((element) => jsonValue(table.element!, version, element)).join(',')}]`
    default:
      return JSON.stringify(value)
  }
}

/** The reverse. Kafka's converter omits the bytes of records, so they become null or empty. */
export function fromKafkaJson(message: MessageTable, version: number, text: string): StructValue {
  // A JavaScript number would lose digits. No string in a sample has 15 digits.
  const quoted = text.replace(/([:[,])(-?\d{15,})(?=[,}\]])/g, '$1"$2"')
  return fromStruct(message.fields, versionOf(message, version), JSON.parse(quoted))
}

function fromStruct(fields: Fields, version: Version, json: StructValue): StructValue {
  const struct: StructValue = {}
  for (const { name, table } of planFields(fields, version)) {
    struct[name] = json[name] === undefined ? defaultOf(table)() : fromValue(table, version, json[name])
  }
  return struct
}

function fromValue(table: FieldTable, version: Version, json: unknown): unknown {
  if (json === null) return null
  if (table.type === 'int64') return BigInt(json as string | number)
  if (table.type === 'bytes' || table.type === 'records') return Buffer.from(json as string, 'base64')
  if (table.type === 'struct') return fromStruct(table.fields!, version, json as StructValue)
  if (table.type === 'array') return (json as unknown[]).map((element) => fromValue(table.element!, version, element))
  return json
}

/** The message with all records empty, to compare with what Kafka's converter writes. */
export function withoutRecords(message: MessageTable, value: StructValue): StructValue {
  return stripFields(message.fields, value)
}

function stripFields(fields: Fields, struct: StructValue): StructValue {
  return Object.fromEntries(Object.entries(fields).map(([name, table]) => [name, strip(table, struct[name])]))
}

function strip(table: FieldTable, value: unknown): unknown {
  if (value === null) return null
  if (table.type === 'records') return Buffer.alloc(0)
  if (table.type === 'array') return (value as unknown[]).map((element) => strip(table.element!, element))
  return table.type === 'struct' ? stripFields(table.fields!, value as StructValue) : value
}
