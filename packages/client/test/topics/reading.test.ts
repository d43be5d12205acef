import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { type Consumer, int64, json, string, topic } from '../../src/index.ts'
import { onTestkit } from '../support/on-testkit.ts'

const Order = z.object({ total: z.number(), note: z.string().default('none') })
const orders = topic('orders', { key: string(), value: json(Order) })
const users = topic('users', { key: int64(), value: json<{ name: string }>() })

const topics = { orders: 1, users: 1, raw: 1 }
const group = { groupId: 'g', offsetReset: 'earliest' } as const

describe('a union of topics', () => {
  test('is told apart by topic in each way to read', () =>
    onTestkit({ topics }, async ({ kafka }) => {
      const producer = kafka.producer()
      await producer.send([
        orders.record({ key: 'o-1', value: { total: 12 } }),
        users.record({ key: 7, value: { name: 'ann' } }),
        { topic: 'raw', value: 'bytes' },
      ])
      const consumer = kafka.consumer({ ...group, topics: [orders, users, 'raw'] })
      const seen: unknown[] = []
      for await (const message of consumer) {
        if (message.topic === 'orders') {
          expectTypeOf(message.value).toEqualTypeOf<{ total: number; note: string } | null>()
          seen.push(message.key, message.value?.note)
        } else if (message.topic === 'users') {
          seen.push(message.key, message.value?.name)
        } else seen.push(message.value?.toString())
        if (seen.length === 5) break
      }
      expect(seen.map(String).sort()).toEqual(['7', 'ann', 'bytes', 'none', 'o-1'])
      const untyped = kafka.consumer({ ...group, topics: ['raw'] })
      expectTypeOf(untyped).toEqualTypeOf<Consumer>()
    }))
})
