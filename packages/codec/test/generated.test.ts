import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { generatedFiles } from '../scripts/generated-files.ts'
import type { MessageTable } from '../src/schema/api.ts'
import { decodeMessage, encodeMessage } from '../src/schema/codec.ts'
import type { StructValue } from '../src/schema/plan.ts'
import { mutate } from './fuzz/mutate.ts'
import { allMessages, cases } from './messages.ts'
import { type Random, sample, seeded } from './samples.ts'

const repository = fileURLToPath(new URL('../../..', import.meta.url))

test('src/generated matches its tables (fix with npm run write-generated)', () => {
  for (const [path, text] of generatedFiles(repository)) {
    expect(readFileSync(join(repository, path), 'utf8') === text, path).toBe(true)
  }
})

const hot = cases.filter(({ message }) => message.generated !== undefined)
const tables = new Map(
  allMessages.map((message) => [message, { ...message, generated: undefined } satisfies MessageTable]),
)

/** The result: the value, or the text of the error. */
function outcome(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`
  }
}

/** Compared by Node, which is quicker; `expect` shows what differs. */
function check(actual: unknown, expected: unknown, label: string): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, label).toStrictEqual(expected)
}

/** The value with one of its fields, at any depth, removed or of another type. */
function corrupt(value: StructValue, random: Random): StructValue {
  const copy = structuredClone(value)
  const structs: StructValue[] = []
  const collect = (struct: StructValue): void => {
    structs.push(struct)
    for (const inner of Object.values(struct).flat()) {
      if (typeof inner === 'object' && inner !== null && !ArrayBuffer.isView(inner)) collect(inner as StructValue)
    }
  }
  collect(copy)
  const struct = structs[random(structs.length)]!
  const names = Object.keys(struct)
  const others = [undefined, null, -1, 2 ** 31, 5n, 'text', true, [], {}, 'AAAAAAAAAAAAAAAAAAAAAA']
  struct[names[random(names.length)]!] = others[random(others.length)]
  return copy
}

describe('generated code behaves like the table', () => {
  test('three APIs have it for request and response', () => {
    expect(new Set(hot.map(({ message }) => message.name)).size).toBe(6)
  })

  test.each(hot)('$message.name v$version', ({ message, version }) => {
    const table = tables.get(message)!
    const random = seeded(version)
    for (let i = 0; i < 30; i++) {
      const value = sample(message, version, random)
      const bytes = encodeMessage(message, version, value as never)
      const label = `value ${i}`
      check(bytes.toString('hex'), encodeMessage(table, version, value as never).toString('hex'), label)
      check(decodeMessage(message, version, bytes), value, label)
      const corrupted = corrupt(value, random)
      const write = (message: MessageTable) =>
        outcome(() => encodeMessage(message, version, corrupted as never).toString('hex'))
      check(write(message), write(table), `${label}, corrupted`)
      const damaged = mutate(bytes, random)
      const read = (message: MessageTable) => outcome(() => decodeMessage(message, version, damaged))
      check(read(message), read(table), `${label}, damaged`)
    }
  })
})
