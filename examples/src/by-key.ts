import type { Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

const customers = ['Anna', 'Ben', 'Clara', 'David', 'Elli', 'Franz', 'Greta', 'Hermann']

/** One partition, and a handler that waits for another service: by key the customers are served side by side, each in order. */
export async function byKey(stage: Stage): Promise<void> {
  const { count = 80 } = stage.options
  await stage.createTopics([{ name: 'requests', partitions: 1 }])
  const topic = stage.named('requests')
  stage.ledger.expect(topic, 'desk')
  const records = Array.from({ length: count }, (_, i) => {
    const customer = customers[i % customers.length] ?? 'Anna'
    return { topic, key: customer, value: `${customer} ${i}` }
  })
  const receipts = await stage.app('shop').kafka.producer().send(records)
  for (const [i, receipt] of receipts.entries()) stage.ledger.sent(String(records[i]?.value), receipt)

  const consumer = stage.app('desk').kafka.consumer({
    groupId: stage.named('desk'),
    topics: [topic],
    offsetReset: 'earliest',
  })
  const latest = new Map<string, bigint>()
  let running = 0
  let most = 0
  let outOfOrder = 0
  const done = consumer.run({
    concurrency: { by: 'key', limit: 4 },
    each: async (message) => {
      most = Math.max(most, ++running)
      await stage.pause(5)
      const customer = String(message.key)
      if ((latest.get(customer) ?? -1n) > message.offset) outOfOrder++
      latest.set(customer, message.offset)
      running--
      stage.ledger.received('desk', String(message.value), message)
    },
  })
  await stage.until('all were served', () => stage.ledger.receivedBy('desk') >= count)
  await consumer.close()
  await done
  stage.say(`${count} requests of ${latest.size} customers, ${most} at a time, out of order: ${outOfOrder}`)
}

startWhenMain('by-key', 'by-key: customers are served side by side, each in order', byKey)
