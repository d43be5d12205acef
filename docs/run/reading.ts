import type { Consumer, Kafka, Message, MessageBatch, PartitionReader, RunOptions } from 'ottla'
import { made } from './world.ts'

/** After this many items an endless loop of a block ends: its consumer is closed. */
const enough = 2
const feedEveryMs = 50

/** Counts what the consumer delivers, feeds its topics while it is read, and closes it when it has had enough. */
export function endsByItself(kafka: Kafka, consumer: Consumer, topics: readonly string[]): Consumer {
  let isFed = false
  const feed = async () => {
    if (isFed) return
    isFed = true
    const producer = kafka.producer()
    while ((made.received.get(consumer) ?? 0) < enough && kafka.health().status !== 'closed') {
      await producer.send(topics.map((topic) => ({ topic, key: 'user-10', value: '12.50' })))
      await new Promise((resolve) => setTimeout(resolve, feedEveryMs))
    }
  }
  const start = () => {
    made.received.set(consumer, made.received.get(consumer) ?? 0)
    feed().catch((error) => {
      console.error(error)
      process.exitCode = 1
    })
  }
  const count = (items: number) => {
    const total = (made.received.get(consumer) ?? 0) + items
    made.received.set(consumer, total)
    if (total >= enough) consumer.close()
  }
  return watched(consumer, start, count)
}

/** Replaces the consumer's ways of reading by ones that count. */
function watched(consumer: Consumer, start: () => void, count: (items: number) => void): Consumer {
  const iterate = consumer[Symbol.asyncIterator].bind(consumer)
  const batches = consumer.batches.bind(consumer)
  const poll = consumer.poll.bind(consumer)
  const run = consumer.run.bind(consumer)
  const collected = consumer.collected.bind(consumer)
  const partitionReaders = consumer.partitionReaders.bind(consumer)
  const readable = consumer.readable.bind(consumer)
  async function* eachCounted(readers: AsyncIterable<PartitionReader>) {
    start()
    for await (const reader of readers) {
      const iterateReader = reader[Symbol.asyncIterator].bind(reader)
      yield Object.assign(reader, { [Symbol.asyncIterator]: () => counted({ [Symbol.asyncIterator]: iterateReader }) })
    }
  }
  async function* counted<T>(items: AsyncIterable<T>) {
    start()
    for await (const item of items) {
      count(1)
      yield item
    }
  }
  return Object.assign(consumer, {
    [Symbol.asyncIterator]: () => counted({ [Symbol.asyncIterator]: iterate }),
    batches: (...args: Parameters<typeof batches>) => counted<MessageBatch>(batches(...args)),
    collected: (...args: Parameters<typeof collected>) => counted<Message[]>(collected(...args)),
    partitionReaders: (...args: Parameters<typeof partitionReaders>) => eachCounted(partitionReaders(...args)),
    readable: (...args: Parameters<typeof readable>) => {
      start()
      const stream = readable(...args)
      // It is the block that ends the stream.
      const push = stream.push.bind(stream)
      const countPushed = (message: Message | null) => {
        if (message !== null) made.received.set(consumer, (made.received.get(consumer) ?? 0) + 1)
        return push(message)
      }
      return Object.assign(stream, { push: countPushed })
    },
    poll: async (...args: Parameters<typeof poll>) => {
      start()
      const messages = await poll(...args)
      if (messages.length > 0) made.received.set(consumer, enough)
      return messages
    },
    run: (options: RunOptions) => {
      start()
      return run(counting(options, count))
    },
  })
}

function counting({ each, eachBatch, ...rest }: RunOptions, count: (items: number) => void): RunOptions {
  const wrapped = <T, C>(handler: ((item: T, context: C) => unknown) | undefined) =>
    handler === undefined
      ? undefined
      : async (item: T, context: C) => {
          await handler(item, context)
          count(1)
        }
  return { ...rest, each: wrapped(each), eachBatch: wrapped(eachBatch) } as RunOptions
}
