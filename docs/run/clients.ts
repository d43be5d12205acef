// `Kafka` as the blocks of the documentation see it: its clients reach the testkit under the hosts that the pages name, and
// endless loops over its consumers end.
import type { Runtime } from '@ottla/runtime'
import {
  type AnyMessage,
  type Consumer,
  type ConsumerOptions,
  type KafkaOptions,
  nodeRuntime,
  Kafka as RealKafka,
  type TopicSelector,
} from 'ottla'
import { endsByItself } from './reading.ts'
import { clusterOfTheBlock, made } from './world.ts'

/** The addresses of clusters that blocks start themselves: they need no translation. */
const testkitHost = '127.0.0.1'

/** A loop over a share group ends after this time. */
const sharedForMs = 1_000

/** `kafka-1:9092` and the like are the first broker of the block's cluster, on the listener that the options ask for. */
function runtimeOf({ tls, sasl }: KafkaOptions): Runtime {
  const protocol = `${sasl ? 'SASL_' : ''}${tls ? 'SSL' : 'PLAINTEXT'}`
  return {
    ...nodeRuntime,
    lookup: async (host) => [host === testkitHost ? host : `named:${host}`],
    dial: (target, reader, signal) => {
      if (!target.address.startsWith('named:')) return nodeRuntime.dial(target, reader, signal)
      const cluster = clusterOfTheBlock()
      const [, port] = (cluster.bootstrapOf(protocol)[0] ?? '').split(':')
      const trusted = target.tls && { ca: cluster.ca, ...target.tls }
      const real = { address: testkitHost, port: Number(port), serverName: testkitHost, tls: trusted }
      return nodeRuntime.dial(real, reader, signal)
    },
  }
}

/** The topics to feed. Blocks with typed topics write their records themselves. */
function topicsOf({ topics = [], assign = [] }: ConsumerOptions<TopicSelector>): string[] {
  const names = [topics, assign].flat().map((item) => (typeof item === 'object' && 'topic' in item ? item.topic : item))
  return names.filter((name) => typeof name === 'string')
}

export const Kafka = new Proxy(RealKafka, {
  construct(target, [options]: [KafkaOptions]) {
    const kafka = new target({ runtime: runtimeOf(options), ...options })
    made.clients.add(kafka)
    const create = kafka.consumer.bind(kafka)
    const consumer = (given: ConsumerOptions<TopicSelector>) =>
      endsByItself(kafka, create(given) as Consumer<AnyMessage> as Consumer, topicsOf(given))
    const createShared = kafka.shareConsumer.bind(kafka)
    const shareConsumer = (given: Parameters<typeof createShared>[0]) => {
      const shared = createShared(given)
      setTimeout(() => shared.close(), sharedForMs)
      return shared
    }
    Object.assign(kafka, { consumer, shareConsumer })
    return kafka
  },
})
