import { Kafka, logLevel, Partitioners, type ProducerConfig } from 'kafkajs'
import type { Line } from '../../measured.ts'
import type { Peer, SenderOptions } from '../sender.ts'

const connect = async ({ brokers }: SenderOptions, config: ProducerConfig) => {
  const kafka = new Kafka({ clientId: 'bench', brokers: [...brokers], logLevel: logLevel.ERROR })
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    ...config,
  })
  await producer.connect()
  return producer
}

const messageOf = ({ key, value }: Line) => ({ key, value })

/** acks=all; not idempotent, since its idempotent producer allows one request in flight and is marked experimental. */
export const kafkajs: Peer = {
  compressions: ['none'],

  async open(options) {
    const producer = await connect(options, {})
    return {
      array(topic, lines) {
        const messages = lines.map(messageOf)
        return () => producer.send({ topic, acks: -1, messages })
      },
      close: () => producer.disconnect(),
    }
  },

  async openTransactional(options, transactionalId) {
    const producer = await connect(options, { transactionalId, idempotent: true, maxInFlightRequests: 1 })
    return {
      array(topic, lines) {
        const messages = lines.map(messageOf)
        return async () => {
          const tx = await producer.transaction()
          await tx.send({ topic, acks: -1, messages })
          await tx.commit()
        }
      },
      close: () => producer.disconnect(),
    }
  },
}
