import { installed } from '../../installed.ts'
import type { Peer } from '../sender.ts'

interface Message {
  readonly topic: string
  readonly key: string
  readonly value: string
}

interface KafkaTs {
  createKafkaClient(options: { clientId: string; bootstrapServers: { host: string; port: number }[] }): {
    createProducer(options: object): { send(messages: readonly Message[]): Promise<void>; close(): Promise<void> }
  }
  setLogger(logger: object): void
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** acks=all and idempotent: it has no options for them. Values are strings. */
export const kafkaTs: Peer = {
  compressions: ['none'],

  async open({ brokers }) {
    const { createKafkaClient, setLogger } = await installed<KafkaTs>('kafka-ts')
    setLogger(silent)
    const bootstrapServers = brokers.map((address) => {
      const [host = '', port] = address.split(':')
      return { host, port: Number(port) }
    })
    const producer = createKafkaClient({ clientId: 'bench', bootstrapServers }).createProducer({})
    return {
      array(topic, lines) {
        const messages = lines.map(({ key, value }) => ({ topic, key, value: value.toString('latin1') }))
        return () => producer.send(messages)
      },
      close: () => producer.close(),
    }
  },
}
