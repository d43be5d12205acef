import { describe, expect, test } from 'vitest'
import { append, committedAt, consumerOf, value } from '../support/consuming.ts'
import { onTestkit } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

describe('consumer.closing', () => {
  test.each(['consumer', 'client'] as const)('aborts as soon as the %s begins to close', (closed) =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a', 'b', 'c'])
      const consumer = consumerOf(scenario)
      const seen: (string | undefined)[] = []
      const reading = (async () => {
        for await (const message of consumer) {
          seen.push(value(message))
          if (value(message) !== 'b') continue
          const stopped = new Promise((resolve) => consumer.closing.addEventListener('abort', resolve))
          await Promise.all([stopped, scenario.advance('2s')])
          expect(message.signal.aborted).toBe(false)
        }
      })()
      await scenario.advance('1s')
      expect(consumer.closing.aborted).toBe(false)
      const closing = closed === 'consumer' ? consumer.close() : scenario.kafka.close()
      expect(consumer.closing.aborted).toBe(true)
      await Promise.all([closing, reading])
      expect(seen).toEqual(['a', 'b'])
      expect(committedAt(scenario)).toBe(2)
    }),
  )

  test('is in the context of handlers, by partition and by key, before their own signal aborts', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a'])
      for (const by of ['partition', 'key'] as const) {
        const consumer = consumerOf(scenario, { groupId: `by-${by}` })
        const order: string[] = []
        const run = consumer.run({
          concurrency: { by },
          each: (_, { signal, closing }) =>
            new Promise<void>((resolve) => {
              signal.addEventListener('abort', () => order.push('signal'))
              closing.addEventListener('abort', () => {
                order.push('closing')
                resolve()
              })
            }),
        })
        await scenario.advance('2s')
        await consumer.close()
        await run
        expect(order[0]).toBe('closing')
        const groups = scenario.cluster.groups()
        expect(groups.find(({ groupId }) => groupId === `by-${by}`)?.offsets[0]?.offset).toBe(1n)
      }
    }))

  test('aborts with the reason when the consumer fails', () =>
    onTestkit({}, async (scenario) => {
      await append(scenario, 0, ['a'])
      const onAssigned = () => {
        throw new Error('on purpose')
      }
      const consumer = consumerOf(scenario, { onAssigned })
      const error = await failure(consumer.messages().next())
      expect(error.code).toBe('HANDLER_FAILED')
      expect(consumer.closing.reason).toBe(error)
    }))
})
