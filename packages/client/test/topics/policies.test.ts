import { describe, expect, test } from 'vitest'
import {
  type BadRecord,
  type BadRecordEvent,
  type BadRecordPolicy,
  type Consumer,
  type ConsumerOptions,
  json,
  type Message,
  topic,
} from '../../src/index.ts'
import { append, committedAt } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

interface Item {
  readonly n: number
}

const items = topic('t', { value: json<Item>() })
type ItemMessage = Message<'t', Buffer | null, Item | null>
type ItemConsumer = Consumer<ItemMessage>

/** One batch of these numbers; a negative one is a record that is no JSON. */
const fill = (scenario: Scenario, numbers: readonly number[], partition = 0) =>
  append(
    scenario,
    partition,
    numbers.map((n) => (n < 0 ? 'not json' : JSON.stringify({ n }))),
  )

function consumerOf(
  { kafka }: Scenario,
  onBadRecord: BadRecordPolicy | undefined,
  options: Partial<ConsumerOptions<typeof items>> = {},
): { readonly consumer: ItemConsumer; readonly events: BadRecordEvent[] } {
  const consumer = kafka.consumer({ groupId: 'g', topics: [items], offsetReset: 'earliest', onBadRecord, ...options })
  const events: BadRecordEvent[] = []
  consumer.on('badRecord', (event) => events.push(event))
  return { consumer, events }
}

const placesOf = (events: readonly BadRecordEvent[]) => events.map(({ offset, action }) => `${action} ${offset}`)

/** Reads `count` numbers in one of the ways; stops at an error, which is in the result. */
type Way = (consumer: ItemConsumer, count: number, scenario: Scenario) => Promise<(number | string | undefined)[]>

const codeOf = (error: unknown) => (error as { code: string }).code

const ways: Record<'messages' | 'batches' | 'poll' | 'run' | 'runBatches', Way> = {
  messages: async (consumer, count) => {
    const seen: (number | string | undefined)[] = []
    try {
      for await (const message of consumer) {
        const size = seen.push(message.value?.n)
        consumer.done(message)
        if (size === count) break
      }
    } catch (error) {
      seen.push(codeOf(error))
    }
    return seen
  },
  batches: async (consumer, count) => {
    const seen: (number | string | undefined)[] = []
    try {
      for await (const batch of consumer.batches()) {
        for (const { value } of batch) seen.push(value?.n)
        consumer.done(batch)
        if (seen.length >= count) break
      }
    } catch (error) {
      seen.push(codeOf(error))
    }
    return seen
  },
  poll: async (consumer, count) => {
    const seen: (number | string | undefined)[] = []
    try {
      while (seen.length < count) {
        const messages = await consumer.poll({ maxRecords: count - seen.length })
        for (const { value } of messages) seen.push(value?.n)
        consumer.done(messages)
      }
    } catch (error) {
      seen.push(codeOf(error))
    }
    return seen
  },
  run: async (consumer, count) => {
    const seen: (number | string | undefined)[] = []
    const stop = new AbortController()
    const each = ({ value }: ItemMessage) => {
      if (seen.push(value?.n) === count) stop.abort()
    }
    await consumer.run({ each, signal: stop.signal }).catch((error) => seen.push(codeOf(error)))
    return seen
  },
  runBatches: async (consumer, count) => {
    const seen: (number | string | undefined)[] = []
    const stop = new AbortController()
    const eachBatch = (batch: Iterable<ItemMessage>) => {
      for (const { value } of batch) seen.push(value?.n)
      if (seen.length >= count) stop.abort()
    }
    await consumer.run({ eachBatch, signal: stop.signal }).catch((error) => seen.push(codeOf(error)))
    return seen
  },
}
const names = ['messages', 'batches', 'poll', 'run', 'runBatches'] as const

describe.each(names)('read by %s', (name) => {
  const read = ways[name]

  test("'skip' moves over bad records, reports each, and the commit is beyond them", () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, [-1, 1, -1, -1, 4, -1])
      await fill(scenario, [-1, -1])
      await fill(scenario, [8, -1])
      const { consumer, events } = consumerOf(scenario, 'skip')
      expect(await read(consumer, 3, scenario)).toEqual([1, 4, 8])
      const skipped = [0, 2, 3, 5, 6, 7]
      expect(placesOf(events).slice(0, 6)).toEqual(skipped.map((offset) => `skip ${offset}`))
      expect(events[0]).toMatchObject({ topic: 't', partition: 0, field: 'value' })
      expect(events[0]!.error).toMatchObject({ code: 'DESERIALIZE_FAILED', topic: 't', partition: 0, offset: 0n })
      await consumer.close()
      expect(committedAt(scenario)).toBeGreaterThanOrEqual(8)
    }))

  test("'fail' delivers what is before the bad record, rejects at its place, and starts with it again", () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, [0, 1, -1, 3])
      const { consumer, events } = consumerOf(scenario, undefined)
      expect(await read(consumer, 4, scenario)).toEqual([0, 1, 'DESERIALIZE_FAILED'])
      expect(await read(consumer, 4, scenario)).toEqual(['DESERIALIZE_FAILED'])
      expect(placesOf(events)).toEqual(['fail 2', 'fail 2'])
      await consumer.commit()
      expect(committedAt(scenario)).toBe(2)
      consumer.seek({ topic: 't', partition: 0, offset: 3n })
      expect(await read(consumer, 1, scenario)).toEqual([3])
    }))

  test('a function may decide later: its partition waits, the others continue', () =>
    onTestkit({ topics: { t: 2 } }, async (scenario) => {
      await fill(scenario, [0, -1, 2])
      const waiting: { resolve(action: 'skip'): void; bad: BadRecord }[] = []
      const { consumer, events } = consumerOf(
        scenario,
        (bad) => new Promise<'skip'>((resolve) => waiting.push({ resolve, bad })),
      )
      expect(await read(consumer, 1, scenario)).toEqual([0])
      const rest = read(consumer, 3, scenario)
      await scenario.advance('1s')
      expect(waiting).toHaveLength(1)
      const { message, field, error } = waiting[0]!.bad
      expect([message.offset, message.value?.toString(), field, error.code]).toEqual([
        1n,
        'not json',
        'value',
        'DESERIALIZE_FAILED',
      ])
      await fill(scenario, [10, 11], 1)
      await scenario.advance('2s')
      // It is in hand: not committed, whatever follows.
      await consumer.commit()
      expect(committedAt(scenario)).toBe(1)
      waiting[0]!.resolve('skip')
      expect((await rest).sort()).toEqual([10, 11, 2])
      expect(placesOf(events)).toEqual(['skip 1'])
    }))

  test("a function that throws, rejects or returns nothing rejects the reader as 'fail' does", () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, [-1, 1])
      const cause = new Error('no disk')
      const policies = [
        () => {
          throw cause
        },
        () => Promise.reject(cause),
        () => undefined as never,
        () => Promise.resolve('later' as never),
      ]
      let calls = 0
      const { consumer } = consumerOf(scenario, () => (policies[calls++] ?? (() => 'skip' as const))())
      for (const _ of policies) expect(await read(consumer, 1, scenario)).toEqual(['HANDLER_FAILED'])
      expect(await read(consumer, 1, scenario)).toEqual([1])
    }))

  test('seek back reads skipped records again', () =>
    onTestkit({}, async (scenario) => {
      await fill(scenario, [-1, 1, -1, 3])
      const { consumer, events } = consumerOf(scenario, 'skip')
      expect(await read(consumer, 2, scenario)).toEqual([1, 3])
      consumer.seek({ topic: 't', partition: 0, offset: 0n })
      expect(await read(consumer, 2, scenario)).toEqual([1, 3])
      expect(placesOf(events)).toEqual(['skip 0', 'skip 2', 'skip 0', 'skip 2'])
    }))
})

test("a topic of bad records alone is skipped to its end, and 'auto' commits it", () =>
  onTestkit({}, async (scenario) => {
    await fill(
      scenario,
      Array.from({ length: 300 }, () => -1),
    )
    await fill(scenario, [-1])
    const { consumer, events } = consumerOf(scenario, 'skip')
    const polled = consumer.poll({ timeoutMs: 20_000 })
    await scenario.advance('21s')
    expect(await polled).toEqual([])
    expect(events).toHaveLength(301)
    expect(committedAt(scenario)).toBe(301)
    expect(consumer.lag()).toBe(0)
  }))

test('a policy that closes the consumer, or seeks, ends delivery there', () =>
  onTestkit({}, async (scenario) => {
    await fill(scenario, [0, -1, 2])
    const closing = consumerOf(scenario, () => {
      void closing.consumer.close()
      return 'skip'
    })
    expect(await ways.messages(closing.consumer, 3, scenario)).toEqual([0])
    let isSought = false
    const seeking = consumerOf(
      scenario,
      () => {
        if (!isSought) seeking.consumer.seek({ topic: 't', partition: 0, offset: 0n })
        isSought = true
        return 'skip'
      },
      { groupId: 'h' },
    )
    expect(await ways.messages(seeking.consumer, 3, scenario)).toEqual([0, 0, 2])
  }))

test('a paused partition keeps its bad record until it is resumed', () =>
  onTestkit({}, async (scenario) => {
    await fill(scenario, [-1, 1])
    const place = [{ topic: 't', partition: 0 }]
    let resolve: (action: 'skip') => void = () => {}
    const { consumer } = consumerOf(scenario, () => {
      consumer.pause(place)
      return new Promise((decide) => {
        resolve = decide
      })
    })
    const rest = ways.messages(consumer, 1, scenario)
    await scenario.advance('1s')
    consumer.resume(place)
    await scenario.advance('1s')
    expect(consumer.position({ topic: 't', partition: 0 })).toBe(1n)
    resolve('skip')
    expect(await rest).toEqual([1])
  }))

test('close waits for a decision, which counts; a revocation that comes first leaves the record to the next member', () =>
  onTestkit({}, async (scenario) => {
    await fill(scenario, [-1, -1])
    const decisions: ((action: 'skip') => void)[] = []
    const policy = () => new Promise<'skip'>((resolve) => decisions.push(resolve))
    const first = consumerOf(scenario, policy)
    const reading = ways.messages(first.consumer, 1, scenario)
    await scenario.advance('1s')
    const closed = first.consumer.close({ timeoutMs: 10_000 })
    await scenario.advance('1s')
    decisions[0]!('skip')
    await closed
    expect(await reading).toEqual([])
    expect(committedAt(scenario)).toBe(1)

    const second = consumerOf(scenario, policy)
    const reads = ways.messages(second.consumer, 1, scenario)
    await scenario.advance('1s')
    const closing = second.consumer.close({ timeoutMs: 2_000 })
    await scenario.advance('5s')
    await closing
    decisions[1]!('skip')
    await scenario.advance('1s')
    expect(await reads).toEqual([])
    expect(committedAt(scenario)).toBe(1)
    expect(placesOf(second.events)).toEqual([])
  }))

test("'dead-letter' without a dead letter topic rejects the reader, and nothing is skipped", () =>
  onTestkit({}, async (scenario) => {
    await fill(scenario, [-1, 1])
    const { consumer } = consumerOf(scenario, 'dead-letter')
    const failure = consumer.messages().next()
    await expect(failure).rejects.toMatchObject({
      code: 'HANDLER_FAILED',
      offset: 0n,
      hint: expect.stringContaining("'deadLetter'"),
    })
    await consumer.commit()
    expect(committedAt(scenario) ?? 0).toBe(0)
  }))

test('the error of a reader has the place, and no part of the record', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['{"password": "hunter2'])
    const { consumer } = consumerOf(scenario, 'fail')
    const error = await consumer
      .messages()
      .next()
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'DESERIALIZE_FAILED', topic: 't', partition: 0, offset: 0n, retriable: false })
    expect((error as Error).message).toBe(
      "Deserializing the value of topic 't', partition 0, offset 0 failed: the data is not valid JSON",
    )
    expect(JSON.stringify(error)).not.toContain('hunter2')
  }))

test("several workers of a run meet a bad record once under 'fail', and the next reader starts with it", () =>
  onTestkit({ topics: { t: 4 } }, async (scenario) => {
    for (const partition of [0, 1, 2, 3]) await fill(scenario, [partition === 2 ? -1 : partition], partition)
    const { consumer, events } = consumerOf(scenario, 'fail')
    await consumer.ready()
    await scenario.advance('1s')
    const running = consumer.run({ each: () => {}, concurrency: { limit: 4 } })
    await expect(running).rejects.toMatchObject({ code: 'DESERIALIZE_FAILED', partition: 2, offset: 0n })
    expect(placesOf(events)).toEqual(['fail 0'])
    const reader = consumer.messages()
    await expect(async () => {
      for (;;) await reader.next()
    }).rejects.toMatchObject({ code: 'DESERIALIZE_FAILED', partition: 2 })
  }))

test('compressed batches are decoded as others', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['{"n":1}', '{"n":2}', 'bad', '{"n":4}'], { gzip: true })
    const { consumer } = consumerOf(scenario, 'skip')
    expect(await ways.messages(consumer, 3, scenario)).toEqual([1, 2, 4])
  }))

test('a partition that is lost during a decision is read by the next assignment after it', () =>
  onTestkit({}, async (scenario) => {
    await fill(scenario, [-1, 1])
    const decisions: ((action: 'skip') => void)[] = []
    const { consumer, events } = consumerOf(scenario, () => new Promise((resolve) => decisions.push(resolve)))
    const reading = ways.messages(consumer, 1, scenario)
    await scenario.advance('1s')
    scenario.fault('Heartbeat', { error: 'UNKNOWN_MEMBER_ID' }, { nth: 1 })
    // The coordinator still waits for the member that it has.
    await scenario.advance('60s')
    expect(consumer.assignment()).toHaveLength(1)
    // The partition is assigned again, and waits for what is in hand.
    expect(decisions).toHaveLength(1)
    decisions[0]!('skip')
    await scenario.advance('1s')
    expect(decisions).toHaveLength(2)
    decisions[1]!('skip')
    expect(await reading).toEqual([1])
    expect(placesOf(events)).toEqual(['skip 0'])
  }))

test('a handler that fails is called again with the same decoded value, and bad records around it are skipped', () =>
  onTestkit({}, async (scenario) => {
    await fill(scenario, [-1, 1, -1, 3])
    const { consumer, events } = consumerOf(scenario, 'skip')
    const calls: (number | undefined)[] = []
    const stop = new AbortController()
    await consumer.run({
      signal: stop.signal,
      retry: { attempts: 3, backoffMs: [100, 100] },
      each: ({ value }) => {
        calls.push(value?.n)
        if (calls.length === 1) throw new Error('not yet')
        if (value?.n === 3) stop.abort()
      },
    })
    expect(calls).toEqual([1, 1, 3])
    expect(placesOf(events)).toEqual(['skip 0', 'skip 2'])
    await consumer.close()
    expect(committedAt(scenario)).toBe(4)
  }))

test("in mode 'manual' a commit passes bad records behind what is marked, and no other", () =>
  onTestkit({}, async (scenario) => {
    await fill(scenario, [0, -1, 2, -1, 4])
    const { consumer } = consumerOf(scenario, 'skip', { commit: 'manual' })
    const reader = consumer.messages()
    const [first, second, third] = [await reader.next(), await reader.next(), await reader.next()]
    await consumer.commit(second.value)
    expect(committedAt(scenario)).toBe(4)
    await consumer.commit(third.value)
    expect(committedAt(scenario)).toBe(5)
    expect(first.value?.value).toEqual({ n: 0 })
  }))
