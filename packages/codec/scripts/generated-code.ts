// Generates code for the messages of the hot path from their tables: for each struct a function that reads it
// and one that writes it, in all versions. It throws for a table that it cannot express.
import type { Api, MessageTable } from '../src/schema/api.ts'
import type { Fields, FieldTable } from '../src/schema/fields.ts'
import { leastBytesOf } from '../src/schema/plan.ts'
import { includes, rangeOf, type VersionRange } from '../src/schema/versions.ts'
import { zeroUuid } from '../src/wire/uuid.ts'

interface Context {
  readonly message: MessageTable
  /** In front of the names of this message's functions: Request or Response. */
  readonly prefix: string
  readonly functions: string[]
}

interface FieldCode {
  readonly name: string
  readonly table: FieldTable
  /** Whether the version has the field: an expression, or 'true'. */
  readonly carried: string
  readonly nullable: string
  readonly isTagged: boolean
}

/** The helpers of src/schema/generated-code.ts. */
const helpers = [
  'arrayOf',
  'int32s',
  'noArray',
  'nullableBytes',
  'nullableText',
  'refused',
  'text',
  'writeBytes',
  'writeCount',
  'writeInt32s',
  'writeText',
]

/** The helpers of src/schema/unknown-tags.ts. */
const tagHelpers = ['keepUnknownTag', 'readUnknownTags', 'unknownTagsOf', 'writeTagsBelow', 'writeUnknownTags']

/** The text of src/generated/x.ts for an API, before it is formatted. */
export function generatedCode(api: Api): string {
  const halves = [contextOf(api.request, 'Request'), contextOf(api.response, 'Response')]
  const functions = halves.flatMap((context) => {
    struct(context, context.prefix, context.message.fields)
    return context.functions
  })
  const body = functions.join('\n')
  const isUsed = (name: string) => new RegExp(`\\b${name}[(<]`).test(body)
  return `// Written by scripts/write-generated.ts from the table of ${api.name}.
import type { GeneratedCode } from '../schema/api.ts'
import { ${helpers.filter(isUsed).join(', ')} } from '../schema/generated-code.ts'
import { ${tagHelpers.filter(isUsed).join(', ')} } from '../schema/unknown-tags.ts'
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'
${body.includes('zeroUuid') ? "import { zeroUuid } from '../wire/uuid.ts'\n" : ''}
${body}
${halves.map(entry).join('\n')}`
}

function contextOf(message: MessageTable, prefix: string): Context {
  return { message, prefix, functions: [] }
}

function entry({ message, prefix }: Context): string {
  const flexible = condition(message.flexible, message.versions)
  return `export const ${lowerFirst(message.name)}Code: GeneratedCode = {
  read: (reader, version) => read${prefix}(reader, version, ${flexible}),
  write: (writer, value, version) => write${prefix}(writer, value as ${prefix}, version, ${flexible}),
}
`
}

/** Adds interface, reader and writer of a struct and of those within it. */
function struct(context: Context, name: string, fields: Fields): void {
  const codes = Object.entries(fields).map(([field, table]) => fieldCode(context, field, table))
  for (const { name: field, table, nullable } of codes) {
    const inner = table.fields ?? table.element?.fields
    if (inner === undefined) continue
    const innerName = name + upperFirst(field)
    struct(context, innerName, inner)
    if (table.type === 'array') context.functions.push(arrayReader(context, innerName, table.element!, nullable))
  }
  const shape = codes.map((code) => `${code.name}${typeOf(code, name)}`)
  context.functions.push(
    `interface ${name} {\n${shape.join('\n')}\n}\n`,
    structReader(name, codes),
    structWriter(name, codes),
  )
}

function fieldCode({ message }: Context, name: string, table: FieldTable): FieldCode {
  const { options, type } = table
  const { tag, tagged, nullable, versions, compact } = options
  const isTagged = tag !== undefined
  if (tagged !== undefined || compact !== undefined) throw new Error(`${name}: tagged in part, or never compact`)
  if (type === 'struct' && nullable !== undefined) throw new Error(`${name}: a struct that may be null`)
  if (type === 'array' && table.element!.fields === undefined && table.element!.type !== 'int32') {
    throw new Error(`${name}: an array of ${table.element!.type}`)
  }
  const carried = condition(rangeOf(versions, true), message.versions)
  return { name, table, carried, nullable: condition(rangeOf(nullable, false), message.versions), isTagged }
}

/** Whether `version` is in the range, given that it is in the outer one. */
function condition(range: VersionRange, outer: VersionRange): string {
  if (range.min > outer.max || range.max < outer.min) return 'false'
  const parts = [
    ...(range.min > outer.min ? [`version >= ${range.min}`] : []),
    ...(range.max < outer.max ? [`version <= ${range.max}`] : []),
  ]
  return parts.length === 0 ? 'true' : parts.join(' && ')
}

// --- Types -----------------------------------------------------------------------------------------------------------

const types: Readonly<Record<string, string>> = {
  bool: 'boolean',
  int64: 'bigint',
  string: 'string',
  uuid: 'string',
  bytes: 'Uint8Array',
  records: 'Uint8Array',
}

function typeOf({ name, table, nullable }: FieldCode, owner: string): string {
  const orNull = nullable === 'false' ? '' : ' | null'
  const inner = owner + upperFirst(name)
  const own = table.fields ? inner : table.element ? `readonly ${table.element.fields ? inner : 'number'}[]` : undefined
  return `?: ${own ?? types[table.type] ?? 'number'}${orNull}`
}

// --- Defaults --------------------------------------------------------------------------------------------------------

function standard({ type, options, fields }: FieldTable): string {
  const given = options.default
  if (given !== undefined) return literal(given)
  if (type === 'struct') {
    return `{ ${Object.entries(fields!)
      .map(([name, table]) => `${name}: ${standard(table)}`)
      .join(', ')} }`
  }
  const standards: Record<string, string> = { array: '[]', bool: 'false', int64: '0n', string: "''", records: 'null' }
  if (type === 'bytes') throw new Error('bytes at their default')
  return type === 'uuid' ? 'zeroUuid' : (standards[type] ?? '0')
}

function literal(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'string' ? `'${value}'` : String(value)
}

/** An expression: whether `value` differs from the default. */
function differs(table: FieldTable, value: string): string {
  if (table.type === 'array') return `${value} !== undefined && ${value}?.length !== 0`
  if (table.type !== 'struct') {
    const text = table.type === 'uuid' && table.options.default === undefined ? `'${zeroUuid}'` : standard(table)
    return `${value} !== undefined && ${value} !== ${text}`
  }
  const fields = Object.entries(table.fields!).map(([name, field]) => `(${differs(field, `${value}.${name}`)})`)
  return `${value} !== undefined && (${[`${value} === null`, ...fields].join(' || ')})`
}

// --- Reading ---------------------------------------------------------------------------------------------------------

function structReader(name: string, codes: readonly FieldCode[]): string {
  const plain = codes.map((code) => {
    const { name: field, table, carried, isTagged } = code
    if (isTagged || carried === 'false') {
      const type = table.element === undefined ? '' : `: ${name}${upperFirst(field)}[]`
      return `const ${field}${type} = ${standard(table)}`
    }
    const value = readValue(code, name)
    return `const ${field} = ${carried === 'true' ? value : `${carried} ? ${value} : ${standard(table)}`}`
  })
  const tagged = codes.filter(({ isTagged }) => isTagged)
  const names = codes.map((code) => code.name).join(', ')
  const end =
    tagged.length === 0
      ? `const struct: ${name} = { ${names} }\nif (flexible) readUnknownTags(reader, struct)\nreturn struct`
      : readTags(name, names, tagged)
  return functionOf(`read${name}(reader: Reader`, '', [...plain, end])
}

/** A function whose last parameters are version and flexible. */
function functionOf(head: string, result: string, lines: readonly string[]): string {
  const body = lines.join('\n')
  const [version, flexible] = ['version', 'flexible'].map((name) =>
    new RegExp(`\\b${name}\\b`).test(body) ? name : `_${name}`,
  )
  return `function ${head}, ${version}: number, ${flexible}: boolean)${result} {\n${body}\n}\n`
}

function readTags(owner: string, names: string, tagged: readonly FieldCode[]): string {
  const branches = tagged.map((code) => {
    const when = code.carried === 'true' ? '' : ` && ${code.carried}`
    return `if (tag === ${code.table.options.tag}${when}) struct.${code.name} = ${readValue(code, owner)}`
  })
  return `const struct: ${owner} = { ${names} }
  if (!flexible) return struct
  for (let left = reader.uvarint(); left > 0; left--) {
    const tag = reader.uvarint()
    const size = reader.uvarint()
    const end = reader.offset + size
    ${branches.join('\nelse ')}
    else keepUnknownTag(struct, tag, reader.raw(size))
    if (reader.offset !== end) throw reader.error(\`does not fill its \${size} bytes\`)
  }
  return struct`
}

function readValue({ name, table, nullable }: FieldCode, owner: string): string {
  const { type } = table
  const inner = owner + upperFirst(name)
  const either = (plain: string, orNull: string) => {
    if (nullable === 'true') return orNull
    return nullable === 'false' ? plain : `(${nullable} ? ${orNull} : ${plain})`
  }
  if (type === 'struct') return `read${inner}(reader, version, flexible)`
  if (type === 'string') return either('text(reader, flexible)', 'nullableText(reader, flexible)')
  if (type === 'bytes' || type === 'records')
    return either('bytes(reader, flexible)', 'nullableBytes(reader, flexible)')
  if (type !== 'array') return `reader.${type}()`
  if (table.element!.fields === undefined) return 'int32s(reader, flexible)'
  return `read${inner}Array(reader, version, flexible${nullable === 'false' ? '' : `, ${nullable}`})`
}

/** Reads an array. The minimum size of an element is that of the smallest version. */
function arrayReader({ message }: Context, name: string, element: FieldTable, nullable: string): string {
  const { min, max } = message.versions
  const least = Array.from({ length: max - min + 1 }, (_, i) => {
    const flexible = includes(message.flexible, min + i)
    const plan = { name: '', table: element, compact: flexible, place: 'plain', nullable: false } as const
    return Math.max(1, leastBytesOf({ ...plan, optional: false, ignorable: false }, { version: min + i, flexible }))
  })
  const constant = `least${name}`
  const mayBeNull = nullable !== 'false'
  const index = min === 0 ? 'version' : `version - ${min}`
  const refusal = 'throw noArray(reader, length)'
  return `const ${constant} = [${least.join(', ')}]

function read${name}Array(reader: Reader, version: number, flexible: boolean${mayBeNull ? ', nullable: boolean' : ''}) {
  const least = ${constant}[${index}]!
  const length = flexible ? reader.compactArrayLength(least) : reader.arrayLength(least)
  ${mayBeNull ? `if (length === -1 && nullable) return null\nif (length < 0) ${refusal}` : `if (length < 0) ${refusal}`}
  const values = arrayOf<ReturnType<typeof read${name}>>(length)
  for (let i = 0; i < length; i++) values[i] = read${name}(reader, version, flexible)
  return values
}
`
}

// --- Writing ---------------------------------------------------------------------------------------------------------

function structWriter(name: string, codes: readonly FieldCode[]): string {
  const lines = codes.filter(({ isTagged }) => !isTagged).map((code) => writeField(code, name))
  const refusals = codes
    .filter(({ isTagged, carried, table }) => isTagged && carried !== 'true' && table.options.ignorable !== true)
    .map(
      ({ table, carried, name: field }) => `if (!(${carried}) && ${differs(table, `value.${field}`)}) throw refused()`,
    )
  const tagged = codes.filter(({ isTagged }) => isTagged)
  const own = tagged.length > 0
  const tags = own
    ? `if (flexible) write${name}Tags(writer, value, version, flexible)`
    : 'if (flexible) writeUnknownTags(writer, value)'
  const tagsFunction = own
    ? functionOf(`write${name}Tags(writer: Writer, value: ${name}`, ': void', writeTags(name, tagged))
    : ''
  return (
    tagsFunction + functionOf(`write${name}(writer: Writer, value: ${name}`, ': void', [...lines, ...refusals, tags])
  )
}

function writeField(code: FieldCode, owner: string): string {
  const { name, table, carried } = code
  const given = `value.${name}`
  const isOptional = table.options.default !== undefined
  const lines = isOptional
    ? `const ${name} = ${given} === undefined ? ${standard(table)} : ${given}\n${writeValue(code, owner, name)}`
    : writeValue(code, owner, given)
  if (carried === 'true') return lines
  const otherwise = table.options.ignorable === true ? '' : ` else if (${differs(table, given)}) throw refused()`
  return `if (${carried}) {\n${lines}\n}${otherwise}`
}

function writeTags(owner: string, tagged: readonly FieldCode[]): string[] {
  const sorted = [...tagged].sort((a, b) => a.table.options.tag! - b.table.options.tag!)
  const has = sorted.map((code) => {
    const when = code.carried === 'true' ? '' : `${code.carried} && `
    return `const has${upperFirst(code.name)} = ${when}${differs(code.table, `value.${code.name}`)}`
  })
  const count = sorted.map(({ name }) => `(has${upperFirst(name)} ? 1 : 0)`).join(' + ')
  const writes = sorted.map(
    (
      code,
    ) => `${code.carried === 'true' ? '' : `if (${code.carried}) `}next = writeTagsBelow(writer, unknown, next, ${code.table.options.tag})
  if (has${upperFirst(code.name)}) {
    writer.uvarint(${code.table.options.tag})
    const start = writer.beginSized()
    ${writeValue(code, owner, `value.${code.name}`)}
    writer.endSized(start)
  }`,
  )
  return [
    ...has,
    'const unknown = unknownTagsOf(value)',
    `writer.uvarint(unknown.length + ${count})`,
    'let next = 0',
    ...writes,
    'writeTagsBelow(writer, unknown, next, Number.POSITIVE_INFINITY)',
  ]
}

function writeValue({ name, table, nullable }: FieldCode, owner: string, value: string): string {
  const { type } = table
  const inner = owner + upperFirst(name)
  if (type === 'struct') return `write${inner}(writer, ${value}!, version, flexible)`
  if (type === 'string') return `writeText(writer, ${value}, flexible, ${nullable})`
  if (type === 'bytes' || type === 'records') return `writeBytes(writer, ${value}, flexible, ${nullable})`
  if (type !== 'array') return `writer.${type}(${value}!)`
  if (table.element!.fields === undefined) return `writeInt32s(writer, ${value}, flexible)`
  const elements = `writeCount(writer, ${value}, flexible, ${nullable})`
  return `for (const element of ${elements}) write${inner}(writer, element, version, flexible)`
}

const upperFirst = (text: string) => text[0]!.toUpperCase() + text.slice(1)
const lowerFirst = (text: string) => text[0]!.toLowerCase() + text.slice(1)
