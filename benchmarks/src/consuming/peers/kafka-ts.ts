import { installed } from '../../installed.ts'
import type { OnValue, Peer } from '../reader.ts'

interface Message {
  readonly key: string | null
  readonly value: string | null
}

interface KafkaTs {
  createKafkaClient(options: { clientId: string; bootstrapServers: { host: string; port: number }[] }): {
    startConsumer(options: {
      topics: string[]
      groupId: string
      fromBeginning: boolean
      onBatch: (messages: readonly Message[]) => void
    }): Promise<{ close(force?: boolean): Promise<void> }>
  }
  setLogger(logger: object): void
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** It offers batches. Values are strings. */
export const kafkaTs: Peer = {
  compressions: ['none'],
  modes: ['batches', 'each'],

  async open({ brokers, topic, groupId }) {
    const { createKafkaClient, setLogger } = await installed<KafkaTs>('kafka-ts')
    setLogger(silent)
    const bootstrapServers = brokers.map((address) => {
      const [host = '', port] = address.split(':')
      return { host, port: Number(port) }
    })
    const client = createKafkaClient({ clientId: 'bench', bootstrapServers })
    let close = async () => {}
    return {
      read: (onValue) =>
        new Promise((resolve, reject) => {
          const onBatch = batchesOf(onValue, resolve)
          client.startConsumer({ topics: [topic], groupId, fromBeginning: true, onBatch }).then((consumer) => {
            close = () => consumer.close(true)
          }, reject)
        }),
      close: () => close(),
    }
  },
}

function batchesOf(onValue: OnValue, done: () => void): (messages: readonly Message[]) => void {
  // The values are touched as strings: only their first characters are needed.
  return (messages) => {
    for (const { key, value } of messages) {
      if (key !== null && value !== null && onValue(Buffer.from(value.slice(0, 10), 'latin1'))) done()
    }
  }
}
