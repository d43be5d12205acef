import type { Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

/** Rows are inserted many at a time; a statement fails as a whole, and its rows are inserted again. */
export async function bulkInsert(stage: Stage): Promise<void> {
  const { count = 1_000 } = stage.options
  await stage.createTopics([{ name: 'measurements', partitions: 3 }])
  const topic = stage.named('measurements')
  const records = Array.from({ length: count }, (_, i) => ({ topic, key: `sensor-${i % 7}`, value: String(i) }))
  await stage.app('sensors').kafka.producer().send(records)

  const { kafka } = stage.app('warehouse')
  const consumer = kafka.consumer({ groupId: stage.named('warehouse'), topics: [topic], offsetReset: 'earliest' })
  /** The place of a record is the key of its row, so that a row that is delivered again replaces itself. */
  const table = new Map<string, string>()
  let statements = 0
  let failures = 0
  const insert = async (rows: readonly (readonly [place: string, value: string])[]) => {
    await stage.pause(5)
    if (++statements === 3) throw new Error('the database is away for a moment')
    for (const [place, value] of rows) table.set(place, value)
  }

  while (table.size < count) {
    try {
      for await (const messages of consumer.collected({ maxRecords: 200, maxWaitMs: 200 })) {
        await insert(messages.map((message) => [`${message.partition}/${message.offset}`, String(message.value)]))
        if (table.size >= count) {
          consumer.done(messages)
          break
        }
      }
    } catch (error) {
      // The loop left the messages of the failed statement: the next one starts with them.
      failures++
      stage.say(`not inserted, and delivered again: ${error instanceof Error ? error.message : error}`)
    }
  }
  await consumer.close()
  stage.say(
    `${table.size} rows in fewer than ${Math.ceil(count / 20)} statements: ${statements < count / 20}, ${failures} failed`,
  )
}

startWhenMain('bulk-insert', 'bulk-insert: rows are inserted many at a time', bulkInsert)
