import { Consumer } from '@platformatic/kafka'
import type { Peer } from '../reader.ts'

/** It offers a stream of messages; as batches and handlers, its messages are read from the stream too. */
export const platformatic: Peer = {
  compressions: ['none', 'lz4', 'zstd'],
  modes: ['batches', 'messages', 'each'],

  async open({ brokers, topic, groupId }) {
    const consumer = new Consumer({ clientId: 'bench', groupId, bootstrapBrokers: [...brokers] })
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: true })
    return {
      async read(onValue) {
        for await (const { key, value } of stream) if (key !== null && value !== null && onValue(value)) return
      },
      close: () => consumer.close(true),
    }
  },
}
