import { invalidOption, optionError } from '../../errors.ts'
import { checkNames, describe, type OptionRule } from '../../option-table.ts'
import type { Assignor, BuiltInAssignor } from './assignor.ts'
import { cooperativeSticky } from './cooperative-sticky.ts'
import { type ProtocolAssignor, protocolAssignor } from './protocol-assignor.ts'
import { range } from './range.ts'
import type { RawAssignor } from './raw-assignor.ts'
import { roundRobin } from './round-robin.ts'
import { sticky } from './sticky.ts'

export type AssignorName = 'range' | 'roundrobin' | 'sticky' | 'cooperative-sticky'

/** One with a history is created for each consumer. */
const builtIn: Record<AssignorName, () => BuiltInAssignor> = {
  range: () => range,
  roundrobin: () => roundRobin,
  sticky,
  'cooperative-sticky': () => cooperativeSticky,
}

type AssignorList = readonly (AssignorName | Assignor | RawAssignor)[]

const isAssignor = (value: unknown) =>
  typeof value === 'string' ? Object.hasOwn(builtIn, value) : typeof value === 'object' && value !== null

export const assignorRule: OptionRule<AssignorList> = {
  default: ['range', 'cooperative-sticky'],
  check: (value) =>
    Array.isArray(value) && value.length > 0 && value.every(isAssignor)
      ? undefined
      : "must list some of 'range', 'roundrobin', 'sticky', 'cooperative-sticky', or assignors of your own",
}

/** `owner`: the call with the option. */
export function resolveAssignors(owner: string, list: AssignorList): readonly ProtocolAssignor[] {
  const assignors = list.map((item) => {
    if (typeof item === 'string') return protocolAssignor(builtIn[item]())
    checkAssignor(owner, item)
    return protocolAssignor(item)
  })
  if (new Set(assignors.map(({ name }) => name)).size !== assignors.length) {
    throw optionError('assignors', owner, 'contains a duplicate')
  }
  return assignors
}

/** An object may be an instance of a class: only what is called is checked, and plain objects for names that do not exist. */
function checkAssignor(owner: string, assignor: Assignor | RawAssignor): void {
  const isRaw = assignor.raw !== undefined
  const must = (name: string, what: string, value: unknown) =>
    invalidOption(
      `Option 'assignors' of ${owner} contains an assignor whose '${name}' must be ${what}, not ${describe(value)}`,
    )
  const { name, protocol } = assignor
  if (typeof name !== 'string' || name === '') throw must('name', 'a string', name)
  if (isRaw && (assignor.raw as unknown) !== true) throw must('raw', 'true', assignor.raw)
  if (protocol !== 'eager' && protocol !== 'cooperative') throw must('protocol', "'eager' or 'cooperative'", protocol)
  const values: { readonly [name: string]: unknown } = { ...functionsOf(assignor) }
  const needed = isRaw ? ['assign', 'metadata'] : ['assign']
  for (const [key, value] of Object.entries(values)) {
    if (typeof value === 'function' || (value === undefined && !needed.includes(key))) continue
    throw must(key, 'a function', value)
  }
  if (Object.getPrototypeOf(assignor) !== Object.prototype) return
  const names = ['name', 'protocol', ...(isRaw ? ['raw'] : []), ...Object.keys(values)]
  checkNames(owner, names, assignor, 'assignors.')
}

function functionsOf(assignor: Assignor | RawAssignor): object {
  const { assign, onAssigned } = assignor
  if (assignor.raw) return { assign, onAssigned, metadata: assignor.metadata }
  return { assign, onAssigned, userData: assignor.userData }
}
