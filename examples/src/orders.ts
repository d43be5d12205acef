import type { Consumer, Message, Producer } from 'ottla'
import type { App, Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

const departments = ['kitchen', 'delivery', 'billing'] as const
const dishes = ['dumplings', 'goulash', 'pancakes', 'trout', 'strudel']

/** Three departments read each order; payments of one guest stay in order; records without a key are spread. */
export async function orders(stage: Stage): Promise<void> {
  await stage.createTopics([
    { name: 'orders', partitions: 3 },
    { name: 'payments', partitions: 4 },
    { name: 'feedback', partitions: 4 },
  ])
  const producer = stage.app('restaurant').kafka.producer()
  await serveOrders(stage, producer, stage.options.count ?? 30)
  await payInOrder(stage, producer)
  await spreadFeedback(stage, producer)
}

async function serveOrders(stage: Stage, producer: Producer, count: number): Promise<void> {
  const open = departments.map((name) => department(stage, name))
  await sendOrders(stage, producer, 1, count / 2)
  await everyDepartmentHas(stage, Math.floor(count / 2))

  const billing = open.find(({ app }) => app.name === 'billing')
  stage.say('  billing crashes; orders, kitchen and delivery continue')
  await billing?.app.crash()
  await sendOrders(stage, producer, Math.floor(count / 2) + 1, count)
  stage.say(`  billing has ${stage.ledger.receivedBy('billing')} of ${count} orders, and starts again`)
  const again = department(stage, 'billing')
  await everyDepartmentHas(stage, count)
  stage.say(`  billing has resumed after its last commit: ${count} of ${count}, none twice`)

  const running = [...open.filter((entry) => entry !== billing), again]
  await Promise.all(running.map(({ consumer }) => consumer.close()))
}

/** A department is an application with its own group. It commits an order after handling it. */
function department(stage: Stage, name: string): { app: App; consumer: Consumer } {
  const topic = stage.named('orders')
  stage.ledger.expect(topic, name)
  const app = stage.app(name)
  const consumer = app.kafka.consumer({
    groupId: stage.named(`orders-${name}`),
    topics: [topic],
    offsetReset: 'earliest',
    commit: 'manual',
    sessionTimeoutMs: 6_000,
  })
  const each = async (message: Message) => {
    stage.ledger.received(name, String(message.key), message)
    await consumer.commit(message)
  }
  consumer.run({ each }).catch(app.onFailure)
  return { app, consumer }
}

async function sendOrders(stage: Stage, producer: Producer, from: number, to: number): Promise<void> {
  const topic = stage.named('orders')
  for (let number = from; number <= to; number++) {
    const key = `order-${number}`
    const receipt = await producer.send({ topic, key, value: JSON.stringify({ dish: dishes[number % dishes.length] }) })
    stage.ledger.sent(key, receipt)
  }
}

function everyDepartmentHas(stage: Stage, count: number): Promise<void> {
  return stage.until('every department has its orders', () =>
    departments.every((name) => stage.ledger.receivedBy(name) >= count),
  )
}

/** One key, one partition: the payments of a guest are read in the order in which they were made. */
async function payInOrder(stage: Stage, producer: Producer): Promise<void> {
  const topic = stage.named('payments')
  const payments = Array.from({ length: 10 }, (_, i) => ({ topic, key: 'user-10', value: `payment ${i + 1}` }))
  const read = await sendAndRead(stage, producer, payments, 'cashier')
  const inOrder = read.every((message, i) => String(message.value) === payments[i]?.value)
  const partitions = new Set(read.map((message) => message.partition))
  stage.say(
    `  payments of user-10: ${read.length} on partition ${[...partitions]}, ${inOrder ? 'in order' : 'OUT OF ORDER'}`,
  )
  if (!inOrder || partitions.size !== 1) throw new Error('payments of one key were out of order')
}

/** Records without a key have no order to keep, so each batch is written to another partition. */
async function spreadFeedback(stage: Stage, producer: Producer): Promise<void> {
  const topic = stage.named('feedback')
  const stars = Array.from({ length: 2000 }, (_, i) => ({
    topic,
    value: `${i}: ${'★'.repeat(1 + (i % 5))}`,
  }))
  const read = await sendAndRead(stage, producer, stars, 'host')
  const counts = [0, 1, 2, 3].map((partition) => read.filter((message) => message.partition === partition).length)
  stage.say(`  feedback without a key, by partition: ${counts.join(', ')}`)
}

async function sendAndRead(
  stage: Stage,
  producer: Producer,
  records: readonly { topic: string; key?: string; value: string }[],
  reader: string,
): Promise<Message[]> {
  const topic = records[0]?.topic ?? ''
  stage.ledger.expect(topic, reader)
  for (let next = 0; next < records.length; next += 50) {
    const some = records.slice(next, next + 50)
    const receipts = await producer.send(some)
    for (const [i, receipt] of receipts.entries()) stage.ledger.sent(some[i]?.value ?? '', receipt)
  }

  const consumer = stage.app(reader).kafka.consumer({
    groupId: stage.named(`${reader}-group`),
    topics: [topic],
    offsetReset: 'earliest',
  })
  const read: Message[] = []
  for await (const message of consumer) {
    stage.ledger.received(reader, String(message.value), message)
    read.push(message)
    if (read.length === records.length) break
  }
  await consumer.close()
  return read
}

startWhenMain('orders', 'orders: one stream of orders for three departments; keys and order', orders)
