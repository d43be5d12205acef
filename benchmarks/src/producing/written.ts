import type { Kafka } from 'ottla'
import { numberOf } from '../measured.ts'
import type { ProduceMeasure } from './measures.ts'

/** For a client that wrote fewer records. */
const withinMs = 120_000

/** Reads the topic, and throws unless it has exactly the records of the measurement. */
export async function verifyWritten(
  kafka: Kafka,
  topic: string,
  { name, task: { different, valueBytes } }: ProduceMeasure,
  expected: number,
  who: string,
): Promise<void> {
  const consumer = kafka.consumer({ groupId: `verify-${topic}`, topics: [topic], offsetReset: 'earliest' })
  const counts = new Uint32Array(different)
  let records = 0
  for await (const batch of consumer.batches({ signal: AbortSignal.timeout(withinMs) })) {
    for (const { value } of batch) {
      if (value?.length !== valueBytes) throw new Error(`${who} wrote a value of ${value?.length} bytes`)
      counts[numberOf(value)]! += 1
      records++
    }
    if (records >= expected) break
  }
  await consumer.close()
  for (const [number, count] of counts.entries()) {
    const wanted = Math.floor(expected / different) + (number < expected % different ? 1 : 0)
    if (count !== wanted) throw new Error(`${who} wrote record ${number} ${count} times, not ${wanted} (${name})`)
  }
}
