import {
  type BadRecord,
  type Consumer,
  int64,
  json,
  Kafka,
  type Message,
  type ProducerRecord,
  type Serde,
  type StandardSchema,
  string,
  topic,
} from 'ottla'
import { assertType, type Equal } from './equal.js'

interface OrderInput {
  total: number
  note?: string
}
interface Order {
  total: number
  note: string
}

declare const Schema: StandardSchema<OrderInput, Order>
declare const avro: Serde<{ name: string }>

const orders = topic('orders', { key: string(), value: json(Schema) })
const users = topic('users', { key: int64(), value: avro })

export const records: ProducerRecord[] = [
  orders.record({ key: 'o-1', value: { total: 12 } }),
  orders.record({ key: null, value: null }),
  users.record({ key: 5, value: { name: 'ann' } }),
  // @ts-expect-error The total is a number.
  orders.record({ key: 'o-1', value: { total: '12' } }),
  // @ts-expect-error The key is missing.
  orders.record({ value: { total: 12 } }),
]

const kafka = new Kafka({ brokers: ['localhost:9092'] })

type OrderMessage = Message<'orders', string | null, Order | null>
type UserMessage = Message<'users', bigint | null, { name: string } | null>

export const one = kafka.consumer({ groupId: 'g', topics: [orders] })
assertType<Equal<typeof one, Consumer<OrderMessage>>>()
export const several = kafka.consumer({
  groupId: 'g',
  topics: [orders, users],
  onBadRecord: ({ error }: BadRecord) => (error.issues === undefined ? 'fail' : 'skip'),
})
assertType<Equal<typeof several, Consumer<OrderMessage | UserMessage>>>()
export const assigned = kafka.consumer({ assign: [{ topic: users, partition: 0 }] })
assertType<Equal<typeof assigned, Consumer<UserMessage>>>()
export const untyped = kafka.consumer({ groupId: 'g', topics: ['raw', /^eu/] })
assertType<Equal<typeof untyped, Consumer>>()

export async function total(): Promise<number> {
  let sum = 0
  for await (const message of several) {
    if (message.topic === 'orders') sum += message.value?.total ?? 0
    else sum += message.value?.name.length ?? 0
  }
  for await (const batch of several.batches()) {
    if (batch.topic === 'orders') for (const { value } of batch) sum += value?.total ?? 0
  }
  for (const message of await several.poll()) {
    if (message.topic === 'users') sum += Number(message.key)
  }
  await several.run({ each: (message) => message.topic === 'orders' && message.value?.note })
  return sum
}
