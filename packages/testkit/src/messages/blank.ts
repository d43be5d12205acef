import type { MessageTable } from '@ottla/codec'
import { zeroUuid } from '@ottla/codec'

type Table = MessageTable['fields'][string]
export type Struct = Record<string, unknown>

/** The values that Kafka writes into these fields of a response that has an error. */
const absentAs: ReadonlyMap<string, number> = new Map(
  ['baseOffset', 'highWatermark', 'lowWatermark', 'committedOffset', 'nodeId', 'leaderId', 'generationId', 'port'].map(
    (name) => [name, -1],
  ),
)

/** A value for each field of a version: the default, or an empty one. */
export function blank(fields: MessageTable['fields'], version: number): Struct {
  const values: Struct = {}
  for (const [name, field] of Object.entries(fields)) {
    if (isIn(field.options.versions, version)) values[name] = blankField(name, field, version)
  }
  return values
}

function blankField(name: string, field: Table, version: number): unknown {
  const { options } = field
  if (options.default !== undefined) return options.default
  // Kafka leaves a list without a default empty even where it may be null, except that of DescribeClientQuotas.
  if (field.type === 'array' && !(name === 'entries' && options.nullable !== undefined)) return []
  if (options.nullable === true || (options.nullable !== undefined && isIn(options.nullable, version))) return null
  switch (field.type) {
    case 'struct':
      return blank(field.fields ?? {}, version)
    case 'bool':
      return false
    case 'string':
      return ''
    case 'uuid':
      return zeroUuid
    case 'bytes':
    case 'records':
      return new Uint8Array(0)
    case 'int64':
      return BigInt(absentAs.get(name) ?? 0)
    default:
      return absentAs.get(name) ?? 0
  }
}

/** Whether a version is in a range in the form of the tables: '3', '3+' or '3-7'. */
export function isIn(versions: string | undefined, version: number): boolean {
  if (versions === undefined) return true
  const [, min = '0', open, max] = /^(\d+)(?:(\+)|-(\d+))?$/.exec(versions) ?? []
  if (version < Number(min)) return false
  return open !== undefined || version <= Number(max ?? min)
}
