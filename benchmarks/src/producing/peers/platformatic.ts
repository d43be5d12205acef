import { Producer, type ProducerOptions } from '@platformatic/kafka'
import type { Line } from '../../measured.ts'
import type { Peer, SenderOptions } from '../sender.ts'

const connect = (
  { brokers, compression }: SenderOptions,
  more: Partial<ProducerOptions<Buffer, Buffer, Buffer, Buffer>>,
) => new Producer({ clientId: 'bench', bootstrapBrokers: [...brokers], acks: -1, compression, ...more })

const messageOf = (topic: string, { key, value }: Line) => ({ topic, key: Buffer.from(key), value })

/** acks=all and not idempotent: its defaults, but for acks. It asks for Node.js 22. */
export const platformatic: Peer = {
  compressions: ['none'],

  async open(options) {
    const producer = connect(options, {})
    return {
      array(topic, lines) {
        const messages = lines.map((line) => messageOf(topic, line))
        return () => producer.send({ messages })
      },
      close: () => producer.close(),
    }
  },

  async openTransactional(options, transactionalId) {
    const producer = connect(options, { idempotent: true, transactionalId })
    return {
      array(topic, lines) {
        const messages = lines.map((line) => messageOf(topic, line))
        return async () => {
          const tx = await producer.beginTransaction()
          await tx.send({ messages })
          await tx.commit()
        }
      },
      close: () => producer.close(),
    }
  },
}
