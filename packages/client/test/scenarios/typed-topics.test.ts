import { expect, test } from 'vitest'
import { z } from 'zod'
import { type BadRecordEvent, int64, json, type Serde, string, topic } from '../../src/index.ts'
import { onTargets } from '../support/targets.ts'
import { until, within } from '../support/until.ts'

const Order = z.object({ total: z.number(), note: z.string().default('none') })

/** Values are `id:text`; an id is looked up before the first batch that has it is delivered. */
function registrySerde(): Serde<string> & { readonly lookedUp: string[] } {
  const lookedUp: string[] = []
  return {
    lookedUp,
    serialize: (value) => Buffer.from(`7:${value}`),
    deserialize: (bytes) => {
      const [id = '', text = ''] = bytes.toString().split(':')
      if (!lookedUp.includes(id)) throw new Error(`no schema ${id}`)
      return text
    },
    prepare: ({ data }) => {
      const ids = new Set(Array.from(data, (bytes) => bytes.toString().split(':')[0] ?? ''))
      const missing = [...ids].filter((id) => !lookedUp.includes(id))
      if (missing.length === 0) return undefined
      return new Promise((resolve) => setTimeout(resolve, 20)).then(() => void lookedUp.push(...missing))
    },
  }
}

onTargets('typed topics', (target) => {
  test('several topics and an untyped one are written and read with their types', async () => {
    const orders = topic(await target().createTopic('orders'), { key: string(), value: json(Order) })
    const users = topic(await target().createTopic('users'), { key: int64(), value: registrySerde() })
    const raw = await target().createTopic('raw')
    const kafka = target().newKafka()
    const producer = kafka.producer()
    await producer.send([
      orders.record({ key: 'o-1', value: { total: 12 }, headers: { trace: 'x' } }),
      orders.record({ key: 'o-1', value: null }),
      users.record({ key: 5n, value: 'ann' }),
      { topic: raw, value: 'bytes' },
    ])
    const groupId = target().uniqueName('typed')
    const consumer = kafka.consumer({ groupId, topics: [orders, users, raw], offsetReset: 'earliest' })
    const seen: unknown[][] = []
    const reading = async () => {
      for await (const message of consumer) {
        seen.push([message.topic, message.key, message.value, message.header('trace')?.toString()])
        if (seen.length === 4) return
      }
    }
    await within('four messages', 30_000, reading())
    const of = (name: string) => seen.filter(([found]) => found === name).map((row) => row.slice(1))
    expect(of(orders.name)).toEqual([
      ['o-1', { total: 12, note: 'none' }, 'x'],
      ['o-1', null, undefined],
    ])
    expect(of(users.name)).toEqual([[5n, 'ann', undefined]])
    expect(of(raw)).toEqual([[null, Buffer.from('bytes'), undefined]])
  })

  test.each(['each', 'eachBatch'] as const)('bad records are skipped and committed past (%s)', async (how) => {
    const name = await target().createTopic(`bad-${how}`)
    const numbers = topic(name, { value: json<number>() })
    const kafka = target().newKafka()
    const values = Array.from({ length: 100 }, (_, i) => (i % 10 === 9 ? '{' : String(i)))
    await kafka.producer().send(values.map((value) => ({ topic: name, value })))
    const groupId = target().uniqueName('bad')
    const consumer = kafka.consumer({ groupId, topics: numbers, offsetReset: 'earliest', onBadRecord: 'skip' })
    const events: BadRecordEvent[] = []
    consumer.on('badRecord', (event) => events.push(event))
    const seen: (number | null)[] = []
    const see = ({ value }: { readonly value: number | null }) => void seen.push(value)
    const running = consumer.run(
      how === 'each'
        ? { each: see }
        : {
            eachBatch: (batch) => {
              for (const message of batch) see(message)
            },
          },
    )
    await until('all are handled', () => seen.length === 90 && events.length === 10)
    await consumer.close()
    await running

    expect(seen).toEqual(values.flatMap((value) => (value === '{' ? [] : [Number(value)])))
    expect(events.map(({ offset, action }) => [offset, action])).toEqual(
      Array.from({ length: 10 }, (_, i) => [BigInt(i * 10 + 9), 'skip']),
    )
    const offsets = await kafka.admin().listConsumerGroupOffsets(groupId)
    expect(offsets.map(({ offset }) => offset)).toEqual([100n])
  })

  test("'fail' rejects at the bad record; another consumer of the group starts with it", async () => {
    const name = await target().createTopic('failing')
    const numbers = topic(name, { value: json<number>() })
    const kafka = target().newKafka()
    await kafka.producer().send(['1', '2', '{', '4'].map((value) => ({ topic: name, value })))
    const options = { groupId: target().uniqueName('failing'), topics: numbers, offsetReset: 'earliest' } as const
    const seen: (number | null)[] = []
    const first = kafka.consumer(options)
    const running = first.run({ each: ({ value }) => void seen.push(value) })
    await expect(running).rejects.toMatchObject({ code: 'DESERIALIZE_FAILED', topic: name, partition: 0, offset: 2n })
    await first.close()
    expect(seen).toEqual([1, 2])

    const second = kafka.consumer({ ...options, onBadRecord: async () => 'skip' as const })
    const { value: message } = await within('the message after it', 30_000, second.messages().next())
    expect([message?.value, message?.offset]).toEqual([4, 3n])
  })
})
