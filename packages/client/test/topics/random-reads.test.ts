import { expect, test } from 'vitest'
import { type BadRecordPolicy, json, type Message, topic } from '../../src/index.ts'
import { append, committedAt } from '../support/consuming.ts'
import { onTestkit } from '../support/on-testkit.ts'

const numbers = topic('t', { value: json<number>() })
type NumberMessage = Message<'t', Buffer | null, number | null>

/** Numbers from 0 to before 1, the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

test.each(Array.from({ length: 25 }, (_, seed) => seed))(
  'records are read once and in order, by any sequence of ways to read, with bad ones between them: seed %i',
  (seed) =>
    onTestkit({}, async (scenario) => {
      const random = randomOf(seed * 7_919 + 1)
      const below = (limit: number) => Math.floor(random() * limit)
      const good: number[] = []
      let size = 0
      for (let batches = 1 + below(6); batches > 0; batches--) {
        const isBad = random()
        const values = Array.from({ length: 1 + below(12) }, () => (random() < isBad ? 'bad' : String(size++)))
        good.push(...values.flatMap((value) => (value === 'bad' ? [] : [Number(value)])))
        await append(scenario, 0, values, { gzip: random() < 0.3 })
      }
      await append(scenario, 0, ['1000000'])
      good.push(1_000_000)

      const policies: BadRecordPolicy[] = [
        'skip',
        () => (random() < 0.5 ? 'skip' : Promise.resolve('skip')),
        () => new Promise((resolve) => scenario.cluster.runtime.setTimer(() => resolve('skip'), below(3_000))),
      ]
      const consumer = scenario.kafka.consumer({
        groupId: 'g',
        topics: numbers,
        offsetReset: 'earliest',
        commit: random() < 0.3 ? 'manual' : 'auto',
        onBadRecord: policies[below(policies.length)],
      })
      const seen: (number | null)[] = []
      const isDone = () => seen.at(-1) === 1_000_000
      const mark = (message: NumberMessage) => {
        consumer.done(message)
        seen.push(message.value)
      }
      while (!isDone()) {
        const count = 1 + below(5)
        const way = below(4)
        if (way === 0) {
          let left = count
          for await (const message of consumer) {
            mark(message)
            if (--left === 0 || isDone()) break
          }
        } else if (way === 1) {
          for await (const batch of consumer.batches()) {
            // A part of it, sometimes: the rest is delivered again.
            let left = random() < 0.5 ? count : Number.POSITIVE_INFINITY
            for (const message of batch) if (left-- > 0) mark(message)
            if (random() < 0.5 || left < 0 || isDone()) break
          }
        } else if (way === 2) {
          for (const message of await consumer.poll({ maxRecords: count })) mark(message)
        } else {
          const stop = new AbortController()
          let left = count
          const each = (message: NumberMessage) => {
            mark(message)
            if (--left === 0 || isDone()) stop.abort()
          }
          await consumer.run({ each, signal: stop.signal })
        }
      }
      expect(seen).toEqual(good)
      await consumer.commit()
      // Past the bad records too.
      const [{ position, highWatermark } = {}] = consumer.partitions()
      expect(position).toBe(highWatermark)
      expect(committedAt(scenario)).toBe(Number(highWatermark))
    }),
)
