import type { Consumer } from 'ottla'
import type { App, Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

/** A thousand numbers in five partitions, and what a crash between handling and commit repeats. */
export async function itemsList(stage: Stage): Promise<void> {
  const count = stage.options.count ?? 1000
  await stage.createTopics([{ name: 'test-topic', partitions: 5, replicationFactor: 2 }])
  await sendNumbers(stage, count)
  await readUntilIdle(stage, count)
  await crashAndRepeat(stage, 'manual', 'manual commits every 50 records')
  await crashAndRepeat(stage, 'auto', 'automatic commits, every 5 s and at close')
}

async function sendNumbers(stage: Stage, count: number): Promise<void> {
  const topic = stage.named('test-topic')
  const producer = stage.app('items').kafka.producer()
  const numbers = Array.from({ length: count }, (_, i) => ({ topic, key: `item-${i}`, value: String(i) }))
  const receipts = await producer.send(numbers)
  for (const [i, receipt] of receipts.entries()) stage.ledger.sent(String(i), receipt)
  stage.say(`  sent ${receipts.length} numbers to ${topic}`)
}

/** Reads until no record has arrived for a second: how a batch job ends. */
async function readUntilIdle(stage: Stage, count: number): Promise<void> {
  const topic = stage.named('test-topic')
  stage.ledger.expect(topic, 'list')
  const consumer = group(stage.app('list'), stage, 'items-list')
  let sum = 0
  for (;;) {
    const messages = await consumer.poll({ maxRecords: 500, timeoutMs: 1000 })
    if (messages.length === 0 && consumer.assignment().length > 0) break
    for (const message of messages) {
      stage.ledger.received('list', String(message.value), message)
      sum += Number(message.value)
    }
  }
  await consumer.close()
  const right = sum === (count * (count - 1)) / 2
  stage.say(
    `  a second without a record: ${stage.ledger.receivedBy('list')} numbers, sum ${sum} (${right ? 'right' : 'WRONG'})`,
  )
}

/** Handles 120 records and crashes; then counts how many of them a second run receives again. */
async function crashAndRepeat(stage: Stage, commit: 'manual' | 'auto', title: string): Promise<void> {
  const handled = new Set<string>()
  const app = stage.app(`${commit}-before`)
  const before = group(app, stage, `items-${commit}`, commit)
  for await (const message of before) {
    handled.add(String(message.value))
    if (commit === 'manual' && handled.size % 50 === 0) await before.commit(message)
    if (handled.size === 120) break
  }
  await app.crash()

  let repeated = 0
  const seen = new Set(handled)
  const after = group(stage.app(`${commit}-after`), stage, `items-${commit}`, commit)
  while (seen.size < (stage.options.count ?? 1000)) {
    for (const message of await after.poll({ maxRecords: 500, timeoutMs: 1000 })) {
      if (handled.has(String(message.value))) repeated++
      seen.add(String(message.value))
    }
  }
  await after.close()
  stage.say(`  ${title}: of 120 records handled before the crash, ${repeated} were delivered again, none was lost`)
}

function group(app: App, stage: Stage, groupId: string, commit: 'manual' | 'auto' = 'auto'): Consumer {
  return app.kafka.consumer({
    groupId: stage.named(groupId),
    topics: [stage.named('test-topic')],
    offsetReset: 'earliest',
    commit,
    sessionTimeoutMs: 6_000,
  })
}

startWhenMain('items-list', 'items-list: a consumer that ends when all is read; commits and crashes', itemsList)
