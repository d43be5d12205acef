import { installed } from '../../installed.ts'
import type { Peer } from '../sender.ts'

interface KafkaCrab {
  KafkaClient: new (options: {
    brokers: string
    clientId: string
    logLevel: string
  }) => {
    createProducer(options: { configuration: Record<string, unknown> }): {
      send(record: { topic: string; messages: { key: Buffer; payload: Buffer }[] }): Promise<unknown>
    }
  }
}

/** librdkafka, in Rust: acks=all and idempotent. */
export const kafkaCrab: Peer = {
  compressions: ['none', 'lz4'],

  async open({ brokers, compression }) {
    const { KafkaClient } = await installed<KafkaCrab>('kafka-crab-js')
    const client = new KafkaClient({ brokers: brokers.join(','), clientId: 'bench', logLevel: 'error' })
    const producer = client.createProducer({
      configuration: {
        'enable.idempotence': true,
        'compression.type': compression,
        'queue.buffering.max.messages': 1_000_000,
      },
    })
    return {
      array(topic, lines) {
        const messages = lines.map(({ key, value }) => ({ key: Buffer.from(key), payload: value }))
        return () => producer.send({ topic, messages })
      },
      close: async () => {},
    }
  },
}
