import type { DetachedMessage } from '../../src/index.ts'
import type { Scenario } from './on-testkit.ts'

/** Everything that a partition stores, with keys and headers, as another consumer reads it. */
export async function lettersIn({ kafka }: Scenario, topic: string, partition = 0): Promise<DetachedMessage[]> {
  const consumer = kafka.consumer({ assign: [{ topic, partition, offset: 'earliest' }] })
  try {
    const letters: DetachedMessage[] = []
    for (;;) {
      const messages = await consumer.poll({ timeoutMs: 500 })
      if (messages.length === 0) return letters
      letters.push(...messages.map((message) => message.detach()))
    }
  } finally {
    await consumer.close()
  }
}

/** The headers as text, by name; of several of one name the last. */
export function headersOf({ headers }: DetachedMessage): Record<string, string | undefined> {
  return Object.fromEntries(headers.map(({ key, value }) => [key, value?.toString()]))
}

export const valuesOf = (letters: readonly DetachedMessage[]) => letters.map(({ value }) => value?.toString())
