import { Kafka } from 'ottla'
import type { Line } from '../../measured.ts'
import type { Peer, Sender, SenderOptions } from '../sender.ts'

const connect = ({ brokers }: SenderOptions) => new Kafka({ clientId: 'bench', brokers })
const recordOf = (topic: string, { key, value }: Line) => ({ topic, key, value })

/** Defaults: acks=all and idempotent. */
export const ottla: Peer = {
  compressions: ['none', 'lz4'],

  async open(options): Promise<Sender> {
    const kafka = connect(options)
    const { compression, maxBufferedBytes } = options
    const producer = kafka.producer({ compression, ...(maxBufferedBytes === undefined ? {} : { maxBufferedBytes }) })
    return {
      array(topic, lines) {
        const records = lines.map((line) => recordOf(topic, line))
        return () => producer.send(records)
      },
      one(topic, line) {
        const record = recordOf(topic, line)
        return () => producer.send(record)
      },
      enqueue(topic, lines) {
        const records = lines.map((line) => recordOf(topic, line))
        return async () => {
          for (const record of records) if (!producer.enqueue(record)) await producer.room()
        }
      },
      flush: () => producer.flush(),
      close: () => kafka.close(),
    }
  },

  async openTransactional(options, transactionalId): Promise<Sender> {
    const kafka = connect(options)
    const producer = kafka.transactionalProducer({ transactionalId })
    return {
      array(topic, lines) {
        const records = lines.map((line) => recordOf(topic, line))
        return () => producer.transaction((tx) => tx.send(records))
      },
      close: () => kafka.close(),
    }
  },
}
