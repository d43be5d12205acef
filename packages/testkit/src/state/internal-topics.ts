import type { BrokerConfig } from './broker-config.ts'
import type { MetadataView } from './metadata-view.ts'
import { SHARE_STATE_TOPIC } from './share-state-records.ts'

export const offsetsTopic = '__consumer_offsets'
export const transactionTopic = '__transaction_state'

export function isInternalTopic(name: string): boolean {
  return name === offsetsTopic || name === transactionTopic || name === SHARE_STATE_TOPIC
}

/** How a topic of coordinators is made when it is missing. */
export interface InternalTopicPlan {
  readonly name: string
  readonly partitions: number
  /** 0: there is no broker to be a replica. */
  readonly replicationFactor: number
  readonly configs: ReadonlyMap<string, string>
}

export function offsetsTopicPlan(config: BrokerConfig, state: MetadataView): InternalTopicPlan {
  const alive = state.aliveBrokers().length
  return {
    name: offsetsTopic,
    partitions: config.number('offsets.topic.num.partitions'),
    replicationFactor: Math.min(config.number('offsets.topic.replication.factor'), alive),
    configs: new Map([
      ['cleanup.policy', 'compact'],
      ['compression.type', 'producer'],
      ['segment.bytes', '104857600'],
    ]),
  }
}

export function transactionTopicPlan(config: BrokerConfig, state: MetadataView): InternalTopicPlan {
  const alive = state.aliveBrokers().length
  const replicationFactor = Math.min(config.number('transaction.state.log.replication.factor'), alive)
  return {
    name: transactionTopic,
    partitions: config.number('transaction.state.log.num.partitions'),
    replicationFactor,
    configs: new Map([
      ['cleanup.policy', 'compact'],
      ['compression.type', 'uncompressed'],
      ['min.insync.replicas', String(Math.min(config.number('transaction.state.log.min.isr'), replicationFactor))],
      ['segment.bytes', '104857600'],
    ]),
  }
}
