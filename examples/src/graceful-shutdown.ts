import type { Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

/** A member is stopped as by SIGTERM while its handlers run: they end, are committed, and the next member repeats nothing. */
export async function gracefulShutdown(stage: Stage): Promise<void> {
  const { count = 40 } = stage.options
  await stage.createTopics([{ name: 'invoices', partitions: 2 }])
  const topic = stage.named('invoices')
  const records = Array.from({ length: count }, (_, i) => ({ topic, partition: i % 2, value: String(i) }))
  await stage.app('shop').kafka.producer().send(records)

  const handled: string[] = []
  const start = (name: string) => {
    const { kafka } = stage.app(name)
    const consumer = kafka.consumer({
      groupId: stage.named('billing'),
      topics: [topic],
      offsetReset: 'earliest',
      revokeGraceMs: 5_000,
    })
    consumer.closing.addEventListener('abort', () => stage.say(`${name} begins to close`))
    const running = consumer.run({
      concurrency: { limit: 2 },
      each: async (message) => {
        await stage.pause(20)
        handled.push(String(message.value))
      },
    })
    return { kafka, running }
  }

  const first = start('billing-1')
  await stage.until('a part is handled', () => handled.length >= count / 4)
  // In a service: process.once('SIGTERM', () => void kafka.close({ timeoutMs: 20_000 }))
  await first.kafka.close({ timeoutMs: 20_000 })
  await first.running
  const before = handled.length
  stage.say(`billing-1 has closed${before < count ? ' before the end' : ''}`)

  const second = start('billing-2')
  await stage.until('all are handled', () => new Set(handled).size >= count)
  await second.kafka.close()
  await second.running
  stage.say(
    `${new Set(handled).size} of ${count} invoices handled, ${handled.length - new Set(handled).size} of them twice`,
  )
}

startWhenMain('graceful-shutdown', 'graceful-shutdown: a member stops without a repeat', gracefulShutdown)
