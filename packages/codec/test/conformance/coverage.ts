// Records which fields were compared in which forms, and generates values for those forms.
import type { MessageTable } from '../../src/schema/api.ts'
import type { Fields, FieldTable } from '../../src/schema/fields.ts'
import {
  defaultOf,
  defaultTest,
  type FieldPlan,
  planFields,
  type StructValue,
  type Version,
} from '../../src/schema/plan.ts'
import { type Random, sampleValue, versionOf } from '../samples.ts'

/** The forms that each field of a version must take at least once, where its type allows it. */
const forms = ['non-default', 'null', 'empty'] as const
export type Form = (typeof forms)[number]

const canBeEmpty = new Set<FieldTable['type']>(['string', 'bytes', 'records', 'array'])

function formsOf({ table, nullable }: FieldPlan): Form[] {
  return forms.filter((form) => (form === 'null' ? nullable : form === 'empty' ? canBeEmpty.has(table.type) : true))
}

/** The fields of a struct, be it alone or in an array. */
function nestedOf(table: FieldTable): Fields | undefined {
  return table.fields ?? table.element?.fields
}

/** The cells "version, path, form" of one message version. */
function cellsOf(fields: Fields, version: Version, path: string, cells: string[] = []): string[] {
  for (const plan of planFields(fields, version)) {
    if (plan.place === 'absent') continue
    const here = `${path}.${plan.name}`
    for (const form of formsOf(plan)) cells.push(`${here} ${form}`)
    const nested = nestedOf(plan.table)
    if (nested !== undefined) cellsOf(nested, version, here, cells)
  }
  return cells
}

/** Counts, for all messages and versions, which forms of which fields were seen. */
export class Coverage {
  readonly #wanted = new Map<Form, Set<string>>(forms.map((form) => [form, new Set()]))
  readonly #seen = new Set<string>()

  expect(message: MessageTable, number: number): void {
    for (const cell of cellsOf(message.fields, versionOf(message, number), `${message.name} v${number}`)) {
      this.#wanted.get(cell.slice(cell.lastIndexOf(' ') + 1) as Form)!.add(cell)
    }
  }

  saw(message: MessageTable, number: number, value: StructValue): void {
    this.#walk(message.fields, versionOf(message, number), `${message.name} v${number}`, value)
  }

  #walk(fields: Fields, version: Version, path: string, struct: StructValue): void {
    for (const { name, table, place } of planFields(fields, version)) {
      if (place === 'absent') continue
      const here = `${path}.${name}`
      const value = struct[name]
      if (value === null) this.#seen.add(`${here} null`)
      else if (canBeEmpty.has(table.type) && (value as ArrayLike<unknown>).length === 0) this.#seen.add(`${here} empty`)
      if (!isDefault(table, value)) this.#seen.add(`${here} non-default`)
      const nested = nestedOf(table)
      if (nested === undefined || value === null) continue
      const inner = table.type === 'array' ? (value as StructValue[]) : [value as StructValue]
      for (const element of inner) this.#walk(nested, version, here, element)
    }
  }

  get missing(): string[] {
    return [...this.#wanted.values()].flatMap((cells) => [...cells].filter((cell) => !this.#seen.has(cell)))
  }

  /** A line for each form: how many fields × versions there are, and how many of them were seen. */
  report(): string {
    const lines = [...this.#wanted].map(([form, cells]) => {
      const seen = [...cells].filter((cell) => this.#seen.has(cell)).length
      return `field × version ${form}: ${seen} of ${cells.size} (${((100 * seen) / cells.size).toFixed(2)} %)`
    })
    return lines.join('\n')
  }
}

function isDefault(table: FieldTable, value: unknown): boolean {
  // For a field without an explicit default, null and empty do not count as non-default.
  return value === null ? table.options.default === null || table.options.default === undefined : test(table)(value)
}

const tests = new WeakMap<FieldTable, (value: unknown) => boolean>()

function test(table: FieldTable): (value: unknown) => boolean {
  let known = tests.get(table)
  if (known === undefined) {
    known = defaultTest(table)
    tests.set(table, known)
  }
  return known
}

/** Values of one message version that together have each field in each of its forms. */
export function directedSamples(message: MessageTable, number: number, random: Random): StructValue[] {
  const version = versionOf(message, number)
  const samples = [directed(message.fields, version, random, 'non-default', 0)]
  const depths = depthOf(message.fields)
  for (const form of ['null', 'empty'] as const) {
    for (let depth = 1; depth <= depths; depth++) samples.push(directed(message.fields, version, random, form, depth))
  }
  return samples
}

function depthOf(fields: Fields): number {
  const inner = Object.values(fields).map((table) => {
    const nested = nestedOf(table)
    return nested === undefined ? 0 : depthOf(nested)
  })
  return 1 + Math.max(0, ...inner)
}

/** At `depth` every field is in the given form, as far as it can be; above it all are there. */
function directed(fields: Fields, version: Version, random: Random, form: Form, depth: number): StructValue {
  const struct: StructValue = {}
  for (const plan of planFields(fields, version)) {
    const { name, table, place } = plan
    if (place === 'absent') struct[name] = defaultOf(table)()
    else if (depth === 1 && formsOf(plan).includes(form)) struct[name] = form === 'null' ? null : emptyOf(table)
    else struct[name] = filled(table, version, random, form, depth - 1)
  }
  return struct
}

function emptyOf({ type }: FieldTable): unknown {
  if (type === 'string') return ''
  return type === 'array' ? [] : Buffer.alloc(0)
}

function filled(table: FieldTable, version: Version, random: Random, form: Form, depth: number): unknown {
  if (table.type === 'struct') return directed(table.fields!, version, random, form, depth)
  if (table.element?.fields !== undefined) return [directed(table.element.fields, version, random, form, depth)]
  if (table.element !== undefined) return [filled(table.element, version, random, form, depth)]
  for (;;) {
    const value = sampleValue(table, version, random, 'small')
    if (!isDefault(table, value) && !(canBeEmpty.has(table.type) && (value as ArrayLike<unknown>).length === 0)) {
      return value
    }
  }
}
