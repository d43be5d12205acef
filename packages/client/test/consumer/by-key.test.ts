import { describe, expect, test } from 'vitest'
import type { Message, RunOptions } from '../../src/index.ts'
import { append, committedAt, consumerOf, take, value } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

/** The key is the first character of the value; '-' stands for none. */
const keyOf = (text: string) => (text.startsWith('-') ? null : text.slice(0, 1))

const write = (scenario: Scenario, values: readonly string[], partition = 0) =>
  append(scenario, partition, values, { keyOf })

/** Handlers that a test ends one by one. */
function manual() {
  const running = new Map<string, { end(): void; fail(error: Error): void; signal: AbortSignal }>()
  const started: string[] = []
  const each: RunOptions['each'] = (message, { signal }) =>
    new Promise<void>((resolve, reject) => {
      const name = value(message) as string
      started.push(name)
      const ended = (settle: () => void) => () => {
        running.delete(name)
        settle()
      }
      running.set(name, { end: ended(resolve), fail: (error) => ended(() => reject(error))(), signal })
    })
  return { each, started, running, end: (name: string) => running.get(name)!.end() }
}

/** The metadata of the group's commit, as its coordinator has it. */
async function metadataAt({ kafka }: Scenario, partition = 0) {
  const offsets = await kafka.admin().listConsumerGroupOffsets('g')
  return offsets.find((one) => one.partition === partition)?.metadata
}

describe('run by key', () => {
  test('processes one key in order and different keys side by side, up to the limit', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'a2', 'b1', 'c1', 'b2', 'd1'])
      const consumer = consumerOf(scenario)
      const { each, started, end } = manual()
      const running = consumer.run({ concurrency: { by: 'key', limit: 3 }, each })
      await scenario.advance('1s')
      expect(started).toEqual(['a1', 'b1', 'c1'])
      end('c1')
      await scenario.advance(1)
      expect(started.slice(3)).toEqual(['d1'])
      end('a1')
      await scenario.advance(1)
      expect(started.slice(4)).toEqual(['a2'])
      end('a2')
      end('b1')
      await scenario.advance(1)
      expect(started.slice(5)).toEqual(['b2'])
      end('b2')
      end('d1')
      await consumer.close()
      await running
      expect(committedAt(scenario)).toBe(6)
      expect(await metadataAt(scenario)).toBe('')
    }))

  test('processes records without a key in no order, and by none all records', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['-1', '-2', 'a1', 'a2'])
      const consumer = consumerOf(scenario)
      const byKey = manual()
      const stop = new AbortController()
      const first = consumer.run({ concurrency: { by: 'key', limit: 9 }, each: byKey.each, signal: stop.signal })
      await scenario.advance('1s')
      expect(byKey.started).toEqual(['-1', '-2', 'a1'])
      stop.abort()
      for (const { end } of [...byKey.running.values()]) end()
      await first
      const byNone = manual()
      await write(scenario, ['a3', 'a4'])
      const second = consumer.run({ concurrency: { by: 'none', limit: 9 }, each: byNone.each })
      await scenario.advance('1s')
      expect(byNone.started).toEqual(['a2', 'a3', 'a4'])
      for (const { end } of [...byNone.running.values()]) end()
      await consumer.close()
      await second
      expect(committedAt(scenario)).toBe(6)
    }))

  test('commits the contiguous prefix, and after a crash repeats only what was not processed', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'b1', 'c1', 'a2', 'd1', 'e1'])
      const consumer = consumerOf(scenario)
      const { each, end } = manual()
      const running = consumer.run({ concurrency: { by: 'key', limit: 9 }, each })
      await scenario.advance('1s')
      end('b1')
      end('d1')
      await scenario.advance('6s')
      expect(committedAt(scenario)).toBe(0)
      expect(await metadataAt(scenario)).toMatch(/^ottla:1:/)
      // The grace of the handlers that hang ends, and what is processed is committed.
      await consumer.close()
      await running
      const next = consumerOf(scenario)
      const after = manual()
      const again = next.run({ concurrency: { by: 'key', limit: 9 }, each: after.each })
      await scenario.advance('1s')
      expect(after.started).toEqual(['a1', 'c1', 'e1'])
      after.end('a1')
      await scenario.advance(1)
      expect(after.started.slice(3)).toEqual(['a2'])
      for (const handler of [...after.running.values()]) handler.end()
      await next.close()
      await again
      expect(committedAt(scenario)).toBe(6)
      expect(await metadataAt(scenario)).toBe('')
    }))

  test('a loop over messages also repeats only the gaps, and its commits keep the rest', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'b1', 'c1', 'd1', 'e1'])
      const consumer = consumerOf(scenario)
      const { each, end } = manual()
      const running = consumer.run({ concurrency: { by: 'key', limit: 9 }, each })
      await scenario.advance('1s')
      end('b1')
      end('d1')
      await consumer.close()
      await running
      const read = async (count: number) => {
        const loop = consumerOf(scenario)
        const seen: (string | undefined)[] = []
        for await (const message of loop) if (seen.push(value(message)) === count) break
        await loop.close()
        return seen
      }
      expect(await read(2)).toEqual(['a1', 'c1'])
      expect(committedAt(scenario)).toBe(2)
      expect(await metadataAt(scenario)).toMatch(/^ottla:1:/)
      expect(await read(2)).toEqual(['c1', 'e1'])
    }))

  test('takes at most maxAhead records above the prefix of a partition; other partitions go on', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await write(scenario, ['a1', 'b1', 'c1', 'd1', 'e1'])
      await write(scenario, ['x1', 'y1'], 1)
      const consumer = consumerOf(scenario)
      const { each, started, end } = manual()
      const running = consumer.run({ concurrency: { by: 'key', limit: 9, maxAhead: 3 }, each })
      await scenario.advance('1s')
      expect([...started].sort()).toEqual(['a1', 'b1', 'c1', 'x1', 'y1'])
      end('b1')
      end('c1')
      await scenario.advance('1s')
      expect(started).toHaveLength(5)
      end('a1')
      await scenario.advance('1s')
      expect(started.slice(5)).toEqual(['d1', 'e1'])
      for (const handler of ['d1', 'e1', 'x1', 'y1']) end(handler)
      await consumer.close()
      await running
      expect([committedAt(scenario), committedAt(scenario, 1)]).toEqual([5, 2])
    }))

  test('marks by done count for maxAhead in the mode manual', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'b1', 'c1'])
      const consumer = consumerOf(scenario, { commit: 'manual' })
      const seen: Message[] = []
      const running = consumer.run({
        concurrency: { by: 'key', limit: 2, maxAhead: 2 },
        each: (message) => void seen.push(message),
      })
      await scenario.advance('1s')
      expect(seen.map(value)).toEqual(['a1', 'b1'])
      await consumer.commit(seen[1]!)
      await scenario.advance('1s')
      expect([seen.length, committedAt(scenario)]).toEqual([2, 0])
      consumer.done(seen[0]!)
      await scenario.advance('1s')
      expect(seen.map(value)).toEqual(['a1', 'b1', 'c1'])
      await consumer.close()
      await running
      expect(committedAt(scenario)).toBe(0)
    }))

  test('waits for an earlier record of its key as a copy of its own', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'a2', 'a3'])
      const consumer = consumerOf(scenario)
      const seen: Message[] = []
      const running = consumer.run({
        concurrency: { by: 'key', limit: 2 },
        each: async (message) => {
          seen.push(message)
          await scenario.advance(10)
        },
      })
      await scenario.advance('1s')
      await consumer.close()
      await running
      expect(
        seen.map((message) => [message.key?.toString(), value(message), message.offset, message.timestamp]),
      ).toEqual([
        ['a', 'a1', 0n, 1_000],
        ['a', 'a2', 1n, 1_001],
        ['a', 'a3', 2n, 1_002],
      ])
      expect(seen[1]!.value!.buffer.byteLength).toBeLessThan(20)
    }))

  test('stops a partition whose waiting records have used up their memory, and no other one', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      const large = (name: string) => name + 'x'.repeat(30_000)
      for (let i = 0; i < 10; i++) await write(scenario, [large('a')])
      for (let i = 0; i < 10; i++) await write(scenario, [large(String(i))], 1)
      const consumer = consumerOf(scenario, { maxBufferedBytes: 200_000, maxBytes: 100_000 })
      const offsets: string[] = []
      let release = () => {}
      const running = consumer.run({
        concurrency: { by: 'key', limit: 4 },
        each: async ({ partition, offset }) => {
          offsets.push(`${partition}/${offset}`)
          if (offsets.length > 1 || partition === 1) return
          await new Promise<void>((resolve) => {
            release = resolve
          })
        },
      })
      await scenario.advance('5s')
      expect(offsets.filter((one) => one.startsWith('1/'))).toHaveLength(10)
      const [first] = consumer.partitions()
      expect(first!.position).toBeLessThan(7n)
      release()
      await scenario.advance('5s')
      expect(offsets.filter((one) => one.startsWith('0/'))).toHaveLength(10)
      await consumer.close()
      await running
      expect(committedAt(scenario)).toBe(10)
    }))
})

describe('a failed item by key', () => {
  test('waits for its retry without a worker, and only its key waits', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'a2', '-1', 'b1', 'b2'])
      const consumer = consumerOf(scenario, { maxProcessingMs: 10_000 })
      const seen: string[] = []
      const stalled: unknown[] = []
      consumer.on('stalled', (event) => stalled.push(event))
      const running = consumer.run({
        concurrency: { by: 'key', limit: 1 },
        retry: { attempts: 3, backoffMs: [60_000, 60_000] },
        each: (message) => {
          const name = value(message) as string
          seen.push(name)
          if (['a1', '-1'].includes(name) && seen.filter((one) => one === name).length < 2) throw new Error('not yet')
        },
      })
      await scenario.advance('5s')
      expect(seen).toEqual(['a1', '-1', 'b1', 'b2'])
      await scenario.advance('90s')
      expect([...seen].sort()).toEqual(['-1', '-1', 'a1', 'a1', 'a2', 'b1', 'b2'])
      expect(seen.indexOf('a2')).toBeGreaterThan(seen.lastIndexOf('a1'))
      expect(stalled).toEqual([])
      await consumer.close()
      await running
      expect(committedAt(scenario)).toBe(5)
    }))

  test('is not marked by the commit of a later message', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'b1', 'a2'])
      const consumer = consumerOf(scenario, { commit: 'manual' })
      const stop = new AbortController()
      const running = consumer.run({
        concurrency: { by: 'key', limit: 1 },
        retry: { attempts: 2, backoffMs: [60_000, 60_000] },
        signal: stop.signal,
        each: async (message) => {
          if (value(message) === 'a1') throw new Error('not yet')
          await consumer.commit(message)
        },
      })
      await scenario.advance('5s')
      expect(committedAt(scenario)).toBe(0)
      expect(await metadataAt(scenario)).toMatch(/^ottla:1:/)
      stop.abort()
      await running
      expect(await take(consumer.messages(), 2)).toEqual(['a1', 'a2'])
    }))

  test('ends the run after its last attempt; nothing is committed past it, and the next reader gets only what is undone', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'b1', 'a2', 'c1', 'd1'])
      const consumer = consumerOf(scenario)
      const { each, running, end } = manual()
      const run = failure(consumer.run({ concurrency: { by: 'key', limit: 3 }, each }))
      await scenario.advance('1s')
      end('b1')
      await scenario.advance(1)
      running.get('a1')!.fail(new Error('poison'))
      await scenario.advance(1)
      // The other handlers are awaited.
      end('c1')
      end('d1')
      expect(await run).toMatchObject({ code: 'HANDLER_FAILED', offset: 0n })
      await consumer.commit()
      expect(committedAt(scenario)).toBe(0)
      const next = manual()
      const again = consumer.run({ concurrency: { by: 'key', limit: 3 }, each: next.each })
      await scenario.advance('1s')
      next.end('a1')
      await scenario.advance('1s')
      next.end('a2')
      expect(next.started).toEqual(['a1', 'a2'])
      await consumer.close()
      await again
      expect(committedAt(scenario)).toBe(5)
    }))
})

describe('by key, when something happens meanwhile', () => {
  test('the signal of one item aborts at maxProcessingMs, those of the others do not', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'b1'])
      const consumer = consumerOf(scenario, { maxProcessingMs: 10_000, revokeGraceMs: 60_000 })
      const { each, running, end } = manual()
      const run = consumer.run({ concurrency: { by: 'key', limit: 3 }, each })
      await scenario.advance('9s')
      end('b1')
      await write(scenario, ['c1'])
      await scenario.advance('5s')
      expect(running.get('a1')!.signal.aborted).toBe(true)
      expect(running.get('c1')!.signal.aborted).toBe(false)
      end('a1')
      end('c1')
      await consumer.close()
      await run
      expect(committedAt(scenario)).toBe(3)
    }))

  test('a paused partition starts nothing that waits, and continues after resume', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'a2', 'b1'])
      const consumer = consumerOf(scenario)
      const { each, started, end } = manual()
      const run = consumer.run({ concurrency: { by: 'key', limit: 3 }, each })
      await scenario.advance('1s')
      consumer.pause([{ topic: 't', partition: 0 }])
      await write(scenario, ['c1'])
      end('a1')
      await scenario.advance('5s')
      expect(started).toEqual(['a1', 'b1'])
      consumer.resume([{ topic: 't', partition: 0 }])
      await scenario.advance('1s')
      expect(started).toEqual(['a1', 'b1', 'a2', 'c1'])
      for (const name of ['a2', 'b1', 'c1']) end(name)
      await consumer.close()
      await run
      expect(committedAt(scenario)).toBe(4)
    }))

  test('a seek drops what waits; a key whose handler still runs waits for it', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'a2', 'a3', 'b1'])
      const consumer = consumerOf(scenario)
      const { each, started, end } = manual()
      const run = consumer.run({ concurrency: { by: 'key', limit: 3 }, each })
      await scenario.advance('1s')
      expect(started).toEqual(['a1', 'b1'])
      end('b1')
      consumer.seek({ topic: 't', partition: 0, offset: 2 })
      await scenario.advance('1s')
      expect(started).toEqual(['a1', 'b1', 'b1'])
      end('a1')
      await scenario.advance('1s')
      expect(started).toEqual(['a1', 'b1', 'b1', 'a3'])
      end('a3')
      end('b1')
      await consumer.close()
      await run
      expect(committedAt(scenario)).toBe(4)
    }))

  test('a revocation waits for handlers up to the grace, starts nothing, and commits the prefix and what is above', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'a2', 'b1', 'c1'])
      const consumer = consumerOf(scenario, { assignors: ['range'], revokeGraceMs: 2_000 })
      const { each, started, running, end } = manual()
      const run = consumer.run({ concurrency: { by: 'key', limit: 9 }, each })
      await scenario.advance('1s')
      const { signal } = running.get('c1')!
      await scenario.fault('Heartbeat', { error: 'REBALANCE_IN_PROGRESS' }, 'once').wait(1)
      await scenario.advance(100)
      end('b1')
      end('a1')
      await scenario.advance('1s')
      expect(started).toEqual(['a1', 'b1', 'c1'])
      expect(signal.aborted).toBe(false)
      await scenario.advance('10s')
      expect(signal.aborted).toBe(true)
      expect(committedAt(scenario)).toBe(1)
      // The partition came back. It waits for the handler of before, and delivers only the gaps.
      expect(started).toEqual(['a1', 'b1', 'c1'])
      end('c1')
      await scenario.advance('1s')
      expect(started).toEqual(['a1', 'b1', 'c1', 'a2', 'c1'])
      end('a2')
      end('c1')
      await consumer.close()
      await run
      expect(committedAt(scenario)).toBe(4)
    }))

  test('a loss aborts all signals, commits nothing, and what waits is not started', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'a2', 'b1'])
      const consumer = consumerOf(scenario, { sessionTimeoutMs: 6_000 })
      const { each, started, running, end } = manual()
      const run = consumer.run({ concurrency: { by: 'key', limit: 9 }, each })
      await scenario.advance('1s')
      const signals = [...running.values()].map(({ signal }) => signal)
      const lost = new Promise((resolve) => consumer.once('lost', resolve))
      const fault = scenario.fault('Heartbeat', { error: 'UNKNOWN_MEMBER_ID' }, 'once')
      await fault.wait(1)
      await lost
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
      end('a1')
      end('b1')
      await scenario.advance('10s')
      expect(started).toEqual(['a1', 'b1', 'a1', 'b1'])
      expect(committedAt(scenario)).toBe(0)
      end('b1')
      end('a1')
      await scenario.advance('1s')
      end('a2')
      await consumer.close()
      await run
      expect(committedAt(scenario)).toBe(3)
    }))

  test('close in a handler does not wait for that handler', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'a2'])
      const consumer = consumerOf(scenario)
      await consumer.run({
        concurrency: { by: 'key', limit: 2 },
        each: async () => {
          await scenario.advance(10)
          await consumer.close()
        },
      })
      await consumer.close()
      expect(committedAt(scenario)).toBe(1)
    }))

  test('a broker that refuses the metadata gets the offset alone', () =>
    onTestkit({ config: { 'offset.metadata.max.bytes': 8 } }, async (scenario) => {
      await write(scenario, ['a1', 'b1', 'c1'])
      const consumer = consumerOf(scenario)
      const failures: unknown[] = []
      consumer.on('commitFailed', (event) => failures.push(event))
      const { each, end } = manual()
      const run = consumer.run({ concurrency: { by: 'key', limit: 9 }, each })
      await scenario.advance('1s')
      end('a1')
      end('c1')
      await scenario.advance('6s')
      expect([committedAt(scenario), await metadataAt(scenario)]).toEqual([1, ''])
      end('b1')
      await consumer.close()
      await run
      expect([committedAt(scenario), failures]).toEqual([3, []])
    }))

  test('metadata of another writer is ignored', () =>
    onTestkit({}, async (scenario) => {
      await write(scenario, ['a1', 'b1', 'c1'])
      const before = consumerOf(scenario, { commit: 'manual' })
      await before.ready()
      await before.commit([{ topic: 't', partition: 0, offset: 1, metadata: 'ottla:1:of another offset' }])
      expect(await metadataAt(scenario)).toBe('ottla:1:of another offset')
      await before.close()
      const consumer = consumerOf(scenario)
      const { each, started, end } = manual()
      const run = consumer.run({ concurrency: { by: 'key', limit: 9 }, each })
      await scenario.advance('1s')
      expect(started).toEqual(['b1', 'c1'])
      end('b1')
      end('c1')
      await consumer.close()
      await run
      expect(committedAt(scenario)).toBe(3)
    }))
})

describe('the options of run by key', () => {
  test.each([
    [{ by: 'value' }, `'concurrency.by'`],
    [{ by: 'key', limit: 0 }, `'concurrency.limit'`],
    [{ by: 'key', maxAhead: 0 }, `'concurrency.maxAhead'`],
    [{ by: 'partition', maxAhead: 5 }, `'concurrency.maxAhead'`],
    [0, `'concurrency'`],
    [null, `'concurrency'`],
    ['key', `'concurrency'`],
  ])('are checked: %o', (concurrency, name) =>
    onTestkit({}, async (scenario) => {
      const options = { each: () => {}, concurrency } as RunOptions
      const error = await failure(consumerOf(scenario).run(options))
      expect(error).toMatchObject({ code: 'INVALID_OPTION' })
      expect(String(error)).toContain(name)
    }),
  )

  test('need each', () =>
    onTestkit({}, async (scenario) => {
      const options: RunOptions = { eachBatch: () => {}, concurrency: { by: 'key', limit: 2 } }
      expect(await failure(consumerOf(scenario).run(options))).toMatchObject({ code: 'INVALID_OPTION' })
    }))
})
