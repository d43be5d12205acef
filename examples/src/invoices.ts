import type { TransactionalProcessor } from 'ottla'
import type { App, Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

/**
 * Orders become invoices, exactly once, by two instances of a processor. One is killed in the middle of a transaction, and its handlers
 * fail now and then: no invoice is missing, and none is there twice.
 */
export async function invoices(stage: Stage): Promise<void> {
  const { count = 300 } = stage.options
  await stage.createTopics([
    { name: 'orders', partitions: 4 },
    { name: 'invoices', partitions: 2 },
  ])
  const orders = Array.from({ length: count }, (_, id) => ({
    topic: stage.named('orders'),
    key: `customer-${id % 12}`,
    value: JSON.stringify({ id, amount: 1 + (id % 9) }),
  }))
  await stage.app('shop').kafka.producer().send(orders)
  stage.say(`  ${count} orders are placed`)

  const first = stage.app('instance-1')
  const doomed = processorOf(first, stage, 1)
  doomed.done.catch(first.onFailure)
  await stage.until('something is committed', () => doomed.counts.records > 0)
  await first.crash()
  stage.say(`  instance-1 is killed after ${doomed.counts.committed} transactions`)
  // The same transactionalId: what the killed instance has left open is aborted immediately.
  const [second, third] = [stage.app('instance-1 again'), stage.app('instance-2')]
  const running = [processorOf(second, stage, 1), processorOf(third, stage, 2)]
  for (const [at, processor] of running.entries()) processor.done.catch([second, third][at]?.onFailure)
  await audit(stage, count)
  for (const processor of running) await processor.close()
}

function processorOf({ kafka, name }: App, stage: Stage, instance: number): TransactionalProcessor {
  let calls = 0
  const processor = kafka.processTransactionally({
    groupId: stage.named('billing'),
    topics: [stage.named('orders')],
    transactionalId: stage.named(`billing-${instance}`),
    offsetReset: 'earliest',
    // The killed member is replaced soon.
    sessionTimeoutMs: 6_000,
    maxRecords: 20,
    retry: { attempts: 3, backoffMs: [10, 100] },
    each: async (message, tx) => {
      const { id, amount } = JSON.parse(String(message.value))
      await tx.send({
        topic: stage.named('invoices'),
        key: message.key,
        value: JSON.stringify({ id, total: amount * 1.2 }),
      })
      if (++calls % 50 === 0) throw new Error('the printer does not respond')
    },
  })
  processor.on('retry', ({ partition, offset }) => {
    stage.say(`  ${name}: order ${partition}/${offset} fails, its transaction is aborted and repeated`)
  })
  return processor
}

/** Consumers read only committed records by default. */
async function audit(stage: Stage, count: number): Promise<void> {
  const consumer = stage.app('audit').kafka.consumer({
    groupId: stage.named('audit'),
    topics: [stage.named('invoices')],
    offsetReset: 'earliest',
  })
  const times = new Map<number, number>()
  while (times.size < count) {
    for (const { value } of await consumer.poll({ timeoutMs: 500 })) {
      const { id } = JSON.parse(String(value))
      times.set(id, (times.get(id) ?? 0) + 1)
    }
  }
  await consumer.close()
  const twice = [...times.values()].filter((one) => one > 1).length
  stage.finale = `${count} orders: ${times.size} invoices, ${twice} of them twice`
}

startWhenMain('invoices', 'invoices: consume, transform, produce, exactly once, by two instances', invoices)
