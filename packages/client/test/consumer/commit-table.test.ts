import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Consumer, Message, MessageBatch } from '../../src/index.ts'
import { modes, Table } from '../support/commit-table.ts'
import { append, commitAt, committedAt } from '../support/consuming.ts'
import { onTestkit } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

// The tables of docs/consuming.md, «What is stored»: each of their rows is a test here, and each test is a row.

/** Offset that the coordinator has 10 s later, in the order of the modes; undefined: none. */
type Stored = readonly [number | undefined, number | undefined, number | undefined]
type Row = readonly [what: string, stored: Stored, play: (table: Table) => Promise<unknown>]

const place = { topic: 't', partition: 0 }
const never = undefined

const fails = () => {
  throw new Error('the handler fails')
}
const commitOffset = (consumer: Consumer, offset: number) => consumer.commit([{ ...place, offset }])

const start: Row[] = [
  ['nothing is read', [0, never, never], ({ consumer }) => consumer.ready()],
  ['`commitStart: true`, nothing is read', [0, 0, 0], (table) => table.configure({ commitStart: true }).ready()],
  [
    '`commitStart: false`, nothing is read',
    [0, never, never],
    (table) => table.configure({ commitStart: false }).ready(),
  ],
]

const loop: Row[] = [
  ['nothing more', [2, never, never], (table) => table.passAB()],
  [
    '`done(c)`',
    [3, never, never],
    async (table) => {
      const { consumer, c } = await table.passAB()
      consumer.done(c)
    },
  ],
  ['`commit()`', [2, never, 2], async (table) => (await table.passAB()).consumer.commit()],
  [
    '`done(a)`, `commit()`',
    [2, 1, 2],
    async (table) => {
      const { consumer, a } = await table.passAB()
      consumer.done(a)
      await consumer.commit()
    },
  ],
  [
    '`done(b)`, `commit()`',
    [2, never, 2],
    async (table) => {
      const { consumer, b } = await table.passAB()
      consumer.done(b)
      await consumer.commit()
    },
  ],
  [
    '`done(c)`, `commit()`',
    [3, never, 3],
    async (table) => {
      const { consumer, c } = await table.passAB()
      consumer.done(c)
      await consumer.commit()
    },
  ],
  [
    '`commit(c)`',
    [3, 3, 3],
    async (table) => {
      const { consumer, c } = await table.passAB()
      await consumer.commit(c)
    },
  ],
  [
    '`commit([a, b])`',
    [2, 2, 2],
    async (table) => {
      const { consumer, a, b } = await table.passAB()
      await consumer.commit([a, b])
    },
  ],
  ['`break`', [2, never, never], (table) => table.loop(() => 'break')],
  [
    '`break`, `commit()`',
    [2, never, 2],
    async (table) => {
      await table.loop(() => 'break')
      await table.consumer.commit()
    },
  ],
  ['an error ends the loop', [2, never, never], (table) => table.loop(fails).catch(() => {})],
  [
    'an error ends the loop, `commit()`',
    [2, never, 2],
    async (table) => {
      await table.loop(fails).catch(() => {})
      await table.consumer.commit()
    },
  ],
  ['`close()`', [2, never, never], async (table) => (await table.passAB()).consumer.close()],
  [
    '`close()`, and `done(c)` before it has ended',
    [3, never, never],
    async (table) => {
      const { consumer, c } = await table.passAB()
      const closed = consumer.close()
      await table.scenario.advance('1s')
      consumer.done(c)
      await closed
    },
  ],
  [
    '`close()`, and the body of the loop ends 1 s later',
    [3, never, never],
    async (table) => {
      let closed = Promise.resolve()
      for await (const { offset } of table.consumer) {
        expect(offset).toBeLessThan(3n)
        if (offset < 2n) continue
        closed = table.consumer.close()
        await table.scenario.advance('1s')
      }
      await closed
    },
  ],
  [
    '`commit(c)` and `close()`, neither awaited',
    [3, 3, 3],
    async (table) => {
      const { consumer, c } = await table.passAB()
      await Promise.all([consumer.commit(c), consumer.close()])
    },
  ],
  [
    '`seek` to offset 1',
    [1, never, never],
    async (table) => {
      const { consumer } = await table.passAB()
      consumer.seek({ ...place, offset: 1 })
    },
  ],
  [
    '`seek` to offset 1, `commit()`',
    [1, never, 1],
    async (table) => {
      const { consumer } = await table.passAB()
      consumer.seek({ ...place, offset: 1 })
      await consumer.commit()
    },
  ],
]

const explicit: Row[] = [
  ['`commit([{ …, offset: 1 }])`', [1, 1, 1], async (table) => commitOffset((await table.passAB()).consumer, 1)],
  [
    '`commit([{ …, offset: 1 }])`, `commit()`',
    [1, 1, 1],
    async (table) => {
      const { consumer } = await table.passAB()
      await commitOffset(consumer, 1)
      await consumer.commit()
    },
  ],
  [
    '`commit([{ …, offset: 1 }])`, and the loop requests d',
    [3, 1, 1],
    async (table) => {
      await commitOffset((await table.passAB()).consumer, 1)
      await table.next()
    },
  ],
  [
    '`commit([{ …, offset: 1 }])`, and the loop requests d, `commit()`',
    [3, 1, 3],
    async (table) => {
      const { consumer } = await table.passAB()
      await commitOffset(consumer, 1)
      await table.next()
      await consumer.commit()
    },
  ],
  [
    '`commit([{ …, offset: 1 }])`, `commit(c)`',
    [3, 3, 3],
    async (table) => {
      const { consumer, c } = await table.passAB()
      await commitOffset(consumer, 1)
      await consumer.commit(c)
    },
  ],
  [
    '`commit([{ …, offset: 5 }])`, and the loop requests d, `commit()`',
    [5, 5, 5],
    async (table) => {
      const { consumer } = await table.passAB()
      await commitOffset(consumer, 5)
      await table.next()
      await consumer.commit()
    },
  ],
  [
    '`commit([{ …, offset: 5 }])`, `commit(c)`',
    [5, 5, 5],
    async (table) => {
      const { consumer, c } = await table.passAB()
      await commitOffset(consumer, 5)
      await consumer.commit(c)
    },
  ],
  [
    '`commit(c)`, `commit([{ …, offset: 1 }])`',
    [1, 1, 1],
    async (table) => {
      const { consumer, c } = await table.passAB()
      await consumer.commit(c)
      await commitOffset(consumer, 1)
    },
  ],
  [
    '`commit([{ …, offset: 5 }])`, `seek` to offset 2',
    [2, 5, 5],
    async (table) => {
      const { consumer } = await table.passAB()
      await commitOffset(consumer, 5)
      consumer.seek({ ...place, offset: 2 })
    },
  ],
]

const batches: Row[] = [
  ['nothing more', [0, never, never], (table) => table.batch()],
  ['`batch.commit()`', [2, 2, 2], async (table) => (await table.batch()).batch.commit()],
  ['the next batch is requested', [2, never, never], async (table) => (await table.batch()).batches.next()],
  [
    '`done(a)`, `break`',
    [1, never, never],
    async (table) => {
      const { consumer, a, batches } = await table.batch()
      consumer.done(a)
      await batches.return?.()
    },
  ],
  [
    '`commit(a)`, `break`',
    [1, 1, 1],
    async (table) => {
      const { consumer, a, batches } = await table.batch()
      await consumer.commit(a)
      await batches.return?.()
    },
  ],
  [
    '`done(batch)`, `break`, `close()`',
    [2, never, never],
    async (table) => {
      const { consumer, batch, batches } = await table.batch()
      consumer.done(batch)
      await batches.return?.()
      await consumer.close()
    },
  ],
  [
    '`eachBatch` of `run`: `done(a)`, then an error',
    [1, never, never],
    async ({ consumer }) => {
      const eachBatch = (batch: MessageBatch) => {
        consumer.done([...batch][0]!)
        fails()
      }
      expect(await failure(consumer.run({ eachBatch }))).toMatchObject({ code: 'HANDLER_FAILED' })
    },
  ],
]

const poll: Row[] = [
  ['nothing more', [0, never, never], (table) => table.poll()],
  ['`commit()`', [0, never, 0], async (table) => (await table.poll()).consumer.commit()],
  ['`poll` again', [3, never, never], async (table) => (await table.poll()).consumer.poll()],
  [
    '`poll` again, `commit()`',
    [3, never, 3],
    async (table) => {
      const { consumer } = await table.poll()
      await consumer.poll()
      await consumer.commit()
    },
  ],
  [
    '`commit(messages)`',
    [3, 3, 3],
    async (table) => {
      const { consumer, messages } = await table.poll()
      await consumer.commit(messages)
    },
  ],
  ['`close()`', [0, never, never], async (table) => (await table.poll()).consumer.close()],
  [
    '`done(messages)`, `close()`',
    [3, never, never],
    async (table) => {
      const { consumer, messages } = await table.poll()
      consumer.done(messages)
      await consumer.close()
    },
  ],
  [
    '`commit(messages)`, `close()`',
    [3, 3, 3],
    async (table) => {
      const { consumer, messages } = await table.poll()
      await consumer.commit(messages)
      await consumer.close()
    },
  ],
  ['`undo()`', [0, never, never], async (table) => (await table.poll()).consumer.undo()],
  [
    '`done(a)`, `undo()`',
    [1, never, never],
    async (table) => {
      const { consumer, messages } = await table.poll()
      consumer.done(messages[0]!)
      consumer.undo()
    },
  ],
  [
    '`undo()`, `poll` again',
    [0, never, never],
    async (table) => {
      const { consumer } = await table.poll()
      consumer.undo()
      await consumer.poll()
    },
  ],
]

const run: Row[] = [
  ['the handler of c fails', [2, never, never], (table) => table.run(fails)],
  [
    'the handler of c fails, `commit()`',
    [2, never, 2],
    async (table) => {
      await table.run(fails)
      await table.consumer.commit()
    },
  ],
  [
    'each handler ends with `commit(message)`, that of c fails',
    [2, 2, 2],
    (table) => table.run(fails, (message) => table.consumer.commit(message)),
  ],
  [
    'the handler of c fails once, with a retry',
    [5, never, never],
    async ({ consumer, scenario }) => {
      let failures = 0
      const each = ({ offset }: Message) => {
        if (offset === 2n && failures++ === 0) fails()
      }
      consumer.run({ each, retry: { attempts: 2 } }).catch(() => {})
      await scenario.advance('1s')
    },
  ],
  [
    'the handler of c calls `close()`',
    [3, never, never],
    async (table) => {
      await table.run(() => table.consumer.close())
      await table.consumer.close()
    },
  ],
  [
    '`close()` while the handler of c runs, which returns 1 s later',
    [3, never, never],
    async (table) => {
      const running = table.run(() => table.scenario.advance('1s'))
      await table.consumer.ready()
      await table.scenario.advance(100)
      await table.consumer.close()
      await running
    },
  ],
  [
    'the signal of `run` aborts while the handler of c runs',
    [3, never, never],
    async ({ consumer, scenario }) => {
      const stop = new AbortController()
      const each = async ({ offset }: Message) => {
        if (offset !== 2n) return
        stop.abort()
        await scenario.advance('1s')
      }
      await consumer.run({ each, signal: stop.signal })
    },
  ],
]

const assignments: Row[] = [
  [
    'revoked, c in hand for longer than `revokeGraceMs`',
    [2, never, never],
    async (table) => {
      await table.passAB()
      await table.revoke()
      await table.scenario.advance('6s')
    },
  ],
  [
    'revoked, the loop requests d within `revokeGraceMs`',
    [3, never, never],
    async (table) => {
      await table.passAB()
      await table.revoke()
      await table.next()
    },
  ],
  [
    'revoked, `onRevoked` calls `commit()`',
    [2, never, 2],
    async (table) => {
      table.configure({ onRevoked: () => table.consumer.commit() })
      await table.passAB()
      await table.revoke()
      await table.scenario.advance('6s')
    },
  ],
  [
    'revoked, `onRevoked` calls `commit(c)`',
    [3, 3, 3],
    async (table) => {
      let commit = async () => {}
      table.configure({ onRevoked: () => commit() })
      const { c, consumer } = await table.passAB()
      commit = () => consumer.commit(c)
      await table.revoke()
      await table.scenario.advance('6s')
    },
  ],
  [
    'lost',
    [0, never, never],
    async (table) => {
      await table.passAB()
      await table.lose()
    },
  ],
  [
    'lost, `commit(c)` rejects',
    [0, never, never],
    async (table) => {
      const { c, consumer } = await table.passAB()
      await table.lose()
      expect(await failure(consumer.commit(c))).toMatchObject({ code: 'INVALID_STATE', topic: 't', partition: 0 })
    },
  ],
  [
    'reset: offset 100 was committed before',
    [2, 100, 100],
    async (table) => {
      await commitAt(table.scenario, 100n)
      await table.passAB()
    },
  ],
  [
    'reset: offset 100 was committed before, `commit()`',
    [2, 100, 2],
    async (table) => {
      await commitAt(table.scenario, 100n)
      await (await table.passAB()).consumer.commit()
    },
  ],
  [
    'reset: offset 100 was committed before, `commit(c)`',
    [3, 3, 3],
    async (table) => {
      await commitAt(table.scenario, 100n)
      const { c, consumer } = await table.passAB()
      await consumer.commit(c)
    },
  ],
]

/** By the headings of the documentation. */
const parts: Record<string, Row[]> = {
  'The start': start,
  'Loop over messages': loop,
  'Explicit offsets': explicit,
  'Loop over batches': batches,
  Polling: poll,
  'Messages by run': run,
  'Rebalances and resets': assignments,
}

describe.each(Object.entries(parts))('%s', (_, rows) => {
  const cases = rows.flatMap(([what, stored, play]) =>
    modes.map((mode, column) => ({ what, mode, play, stored: stored[column] })),
  )
  test.each(cases)('$what: mode $mode stores $stored', ({ mode, play, stored }) =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b'])
      await append(scenario, 0, ['c', 'd', 'e'])
      await play(new Table(scenario, mode))
      await scenario.advance('10s')
      expect(committedAt(scenario)).toBe(stored)
    }),
  )
})

test('the documentation has the same rows', () => {
  const page = readFileSync(new URL('../../../../docs/consuming.md', import.meta.url), 'utf8')
  const shown = (offset: number | undefined) => (offset === undefined ? '–' : String(offset))
  for (const [part, rows] of Object.entries(parts)) {
    const [, section = ''] = page.split(`\n#### ${part}\n`)
    const [table = ''] = section.split('\n#')
    const lines = table.split('\n').filter((line) => line.startsWith('| '))
    const expected = rows.map(([what, stored]) => `| ${what} | ${stored.map(shown).join(' | ')} |`)
    expect(lines, part).toEqual(["| What happens | `'auto'` | `'manual'` | `'none'` |", ...expected])
  }
})
