// Every field of Kafka's definitions has its place in a table. The other comparisons make their values from our tables, so
// they cannot miss what a table lacks; and this one reads the definitions without the importer's rules.
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Fields } from '../../src/schema/fields.ts'
import { allMessages } from '../messages.ts'

interface DefinedField {
  readonly name: string
  readonly versions?: string
  readonly taggedVersions?: string
  readonly fields?: readonly DefinedField[]
}

interface Definition {
  readonly name: string
  readonly validVersions: string
  readonly fields?: readonly DefinedField[]
  readonly commonStructs?: readonly DefinedField[]
}

const libs = process.env.KAFKA_LIBS ?? ''
const unzip = (...args: string[]) => execFileSync('unzip', args, { encoding: 'utf8', maxBuffer: 1 << 28 })

function definitions(): Map<string, Definition> {
  const all = new Map<string, Definition>()
  const jars = readdirSync(libs).filter((name) => /^kafka-(clients|\w+-coordinator)-[\d.]+\.jar$/.test(name))
  for (const jar of jars.map((name) => join(libs, name))) {
    for (const file of unzip('-Z1', jar).split('\n')) {
      if (!/^common\/message\/\w+\.json$/.test(file)) continue
      const text = unzip('-p', jar, file).replace(/^\s*\/\/.*$/gm, '')
      const definition: Definition = JSON.parse(text.replace(/("(?:[^"\\]|\\.)*")|\/\/.*$/gm, '$1'))
      all.set(definition.name, definition)
    }
  }
  return all
}

const ends = (range = ''): [number, number] => {
  const [, min = '1', open = '', max = open === '+' ? '99999' : min] = /^(\d+)(\+|-)?(\d+)?$/.exec(range) ?? []
  return [Number(min), Number(max)]
}

/** The names of the fields that some valid version carries, those of nested structs behind a dot. */
function defined(fields: readonly DefinedField[], range: string): string[] {
  const [from, to] = ends(range)
  return fields.flatMap((field) => {
    const [min, max] = ends(field.versions ?? field.taggedVersions)
    if (min > to || max < from) return []
    const name = field.name.charAt(0).toLowerCase() + field.name.slice(1)
    const inner = `${Math.max(min, from)}-${Math.min(max, to)}`
    return [name, ...defined(field.fields ?? [], inner).map((nested) => `${name}.${nested}`)]
  })
}

function inTable(fields: Fields): string[] {
  return Object.entries(fields).flatMap(([name, { fields: own, element }]) => {
    const nested = own ?? element?.fields ?? {}
    return [name, ...inTable(nested).map((inner) => `${name}.${inner}`)]
  })
}

test("no field of Kafka's definitions is missing", () => {
  const byName = definitions()
  let fields = 0
  for (const { name, fields: table } of allMessages) {
    const definition = byName.get(name)
    expect(definition, name).toBeDefined()
    const names = defined(definition?.fields ?? [], definition?.validVersions ?? '')
    fields += names.length
    expect(new Set(inTable(table)), name).toEqual(new Set([...inTable(table), ...names]))
  }
  console.log(`${fields} fields of ${allMessages.length} definitions, none missing`)
})
