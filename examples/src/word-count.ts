import { createByteBudget, engineOf } from 'ottla/engine'
import type { Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

const words = ['one', 'fish', 'two', 'fish', 'red', 'fish', 'blue', 'fish']

/**
 * A small stateful processor: its counts and the position that they belong to are in one checkpoint. It continues there in another
 * process, without a group: the partitions that it reads are its own decision, and change while it reads.
 */
export async function wordCount(stage: Stage): Promise<void> {
  const { count = 80 } = stage.options
  await stage.createTopics([{ name: 'words', partitions: 2 }])
  const topic = stage.named('words')
  stage.ledger.expect(topic, 'counter')
  const records = Array.from({ length: count }, (_, i) => {
    const word = words[i % words.length] ?? ''
    return { topic, partition: i % 2, value: `${word} ${i}` }
  })
  const receipts = await stage.app('author').kafka.producer().send(records)
  for (const [i, receipt] of receipts.entries()) stage.ledger.sent(String(records[i]?.value), receipt)

  const counts = new Map<string, number>()
  /** The next offset of each partition: stored together with the counts. */
  const checkpoint = new Map<number, number>()
  const fetchBudget = createByteBudget({ maxBytes: 1 << 20 })
  const { kafka } = stage.app('counter')

  /** Reads these partitions, one after the other added, until the checkpoint has everything before their end. */
  async function process(partitions: readonly number[], most: number): Promise<void> {
    const consumer = kafka.consumer({ assign: [], fetchBudget })
    const engine = engineOf(consumer)
    let left = most
    const reading = (async () => {
      for await (const batch of engine.batches()) {
        const cursor = batch.records()
        while (left > 0 && cursor.next()) {
          const text = String(cursor.value())
          const word = text.split(' ')[0] ?? ''
          counts.set(word, (counts.get(word) ?? 0) + 1)
          checkpoint.set(batch.partition, cursor.offset + 1)
          const { topic, partition } = batch
          stage.ledger.received('counter', text, { topic, partition, offset: BigInt(cursor.offset) })
          left--
        }
        if (left <= 0) break
      }
    })()
    const places = partitions.map((partition) => ({ topic, partition, offset: checkpoint.get(partition) ?? 0 }))
    for (let assigned = 1; assigned <= places.length; assigned++) await engine.assign(places.slice(0, assigned))
    await reading
    await consumer.close()
  }

  await process([0], Math.floor(count / 4))
  stage.say(`the first process has counted ${Math.floor(count / 4)} words and ends`)
  await process([0, 1], count - Math.floor(count / 4))
  const sorted = [...counts].sort(([, a], [, b]) => b - a)
  stage.say(`${count} words: ${sorted.map(([word, times]) => `${word} ${times}`).join(', ')}`)
}

startWhenMain('word-count', 'word-count: a stateful processor continues at its checkpoint', wordCount)
