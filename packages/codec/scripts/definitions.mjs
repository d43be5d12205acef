// Reads Kafka's message definitions and turns them into expressions of the table language of src/schema/fields.ts.
// Only facts are taken over: names, types, versions, defaults and tags.
import { execFileSync } from 'node:child_process'
import { call, inline, print } from './print-table.mjs'

/** The message definitions inside a jar of Kafka. */
export function readJar(jar) {
  const unzip = (...args) => execFileSync('unzip', args, { encoding: 'utf8', maxBuffer: 1 << 28 })
  const names = unzip('-Z1', jar)
    .split('\n')
    .filter((name) => /^common\/message\/\w+\.json$/.test(name))
  return names.map((name) => JSON.parse(withoutComments(unzip('-p', jar, name))))
}

function withoutComments(text) {
  return text.replace(/"(?:[^"\\]|\\.)*"|\/\/[^\n]*/g, (token) => (token.startsWith('"') ? token : ''))
}

// --- Versions --------------------------------------------------------------------------------------------------------

export function parseRange(text) {
  if (text === undefined || text === 'none') return null
  const [, min, open, max] = /^(\d+)(\+)?(?:-(\d+))?$/.exec(text)
  return { min: Number(min), max: open ? Number.POSITIVE_INFINITY : Number(max ?? min) }
}

/** The part of `range` inside `outer`: `true` for all of it, null for none, else its text. */
function relative(range, outer) {
  if (range === null) return null
  const min = Math.max(range.min, outer.min)
  const max = Math.min(range.max, outer.max)
  if (min > max) return null
  if (min === outer.min && max === outer.max) return true
  if (range.max >= outer.max) return `${min}+`
  return min === max ? `${min}` : `${min}-${max}`
}

function intersect(a, b) {
  return { min: Math.max(a.min, b.min), max: Math.min(a.max, b.max) }
}

// --- Fields ----------------------------------------------------------------------------------------------------------

const lowerFirst = (name) => name[0].toLowerCase() + name.slice(1)
const structName = (type) => type.replace('[]', '')
const isStruct = (type) => /^(\[\])?[A-Z]/.test(type)

/** The field functions that a file uses. */
export class Imports {
  #names = new Set()

  use(name) {
    this.#names.add(name)
    return name
  }

  toString() {
    return [...this.#names].sort().join(', ')
  }
}

/** Structs that a message uses in more than one place become constants before the table; others are written in place. */
class SharedStructs {
  #byName
  #uses = new Map()

  constructor(definition) {
    this.#byName = new Map((definition.commonStructs ?? []).map((struct) => [struct.name, struct]))
    this.#count(definition.fields)
  }

  #count(fields) {
    for (const field of fields ?? []) {
      const name = structName(field.type)
      if (!this.#byName.has(name)) {
        this.#count(field.fields)
        continue
      }
      const uses = (this.#uses.get(name) ?? 0) + 1
      this.#uses.set(name, uses)
      if (uses === 1) this.#count(this.#byName.get(name).fields)
    }
  }

  fieldsOf(field) {
    return this.#byName.get(structName(field.type))?.fields ?? field.fields
  }

  isShared(field) {
    return this.#uses.get(structName(field.type)) > 1
  }
}

/** Turns the fields of one definition into expressions of the table language. */
export class TableWriter {
  #versions
  #shared
  #imports
  #constants
  #message

  constructor(definition, imports, constants) {
    this.#versions = parseRange(definition.validVersions)
    this.#shared = new SharedStructs(definition)
    this.#imports = imports
    this.#constants = constants
    this.#message = definition.name
  }

  struct(fields, versions = this.#versions) {
    const entries = fields.map((field) => [lowerFirst(field.name), this.#field(field, versions)])
    return Object.fromEntries(entries.filter(([, value]) => value !== null))
  }

  #field(field, outer) {
    // As in Kafka's generator: a field that names only its tagged versions is in these.
    const carried = parseRange(field.versions ?? field.taggedVersions)
    const versions = relative(carried, outer)
    if (versions === null) return null
    const own = intersect(carried, outer)
    const options = this.#options(field, versions, own)
    const given = Object.keys(options).length > 0 ? [options] : []
    const element = structName(field.type)
    const isArray = field.type.startsWith('[]')
    if (isStruct(field.type)) {
      return call(this.#imports.use(isArray ? 'array' : 'struct'), this.#structOf(field, own), ...given)
    }
    this.#imports.use(element)
    return isArray ? call(this.#imports.use('list'), call(element), ...given) : call(element, ...given)
  }

  #options(field, versions, own) {
    const options = {}
    if (versions !== true) options.versions = versions
    const nullable = relative(parseRange(field.nullableVersions), own)
    if (nullable !== null) options.nullable = nullable
    // Kafka's generator treats a bare null as no default: only the text "null" means null.
    if ((field.default ?? null) !== null) options.default = defaultOf(field)
    if (field.ignorable) options.ignorable = true
    if (field.tag !== undefined) {
      options.tag = field.tag
      const tagged = relative(parseRange(field.taggedVersions), own)
      if (tagged !== true) options.tagged = tagged
    }
    if (field.flexibleVersions === 'none') options.compact = false
    return options
  }

  #structOf(field, versions) {
    const fields = this.#shared.fieldsOf(field)
    if (!this.#shared.isShared(field)) return this.struct(fields, versions)
    // A shared struct is written once, so its fields are taken relative to all versions of the message.
    const table = this.struct(fields)
    let name = lowerFirst(structName(field.type))
    if (this.#constants.has(name) && print(this.#constants.get(name)) !== print(table)) {
      name = lowerFirst(this.#message) + structName(field.type)
    }
    this.#constants.set(name, table)
    return inline(name)
  }
}

function defaultOf({ type, default: value }) {
  if (value === 'null') return null
  if (type === 'bool') return String(value) === 'true'
  if (type === 'int64') return BigInt(value)
  if (type === 'string' || type === 'uuid') return value
  return Number(value)
}
