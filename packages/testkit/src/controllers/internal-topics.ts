import type { BrokerConfig, BrokerConfigName } from '../state/configs/broker-config.ts'
import { offsetsTopic, shareStateTopic, transactionTopic } from '../state/internal-topics.ts'
import type { Controller } from './controller.ts'

interface Plan {
  readonly name: string
  readonly partitions: BrokerConfigName
  readonly replicationFactor: BrokerConfigName
  readonly minIsr?: BrokerConfigName
  readonly configs: ReadonlyMap<string, string>
}

/** Creates a coordinators' topic when it is missing, with at most as many replicas as live brokers. */
function ensureTopic(controller: Controller, config: BrokerConfig, plan: Plan): void {
  const alive = controller.placeableBrokers().length
  if (alive === 0 || controller.state.topic(plan.name) !== undefined) return
  const replicationFactor = Math.min(config.number(plan.replicationFactor), alive)
  const assignment = controller.assign(config.number(plan.partitions), replicationFactor)
  const configs = new Map(plan.configs)
  if (plan.minIsr !== undefined) {
    configs.set('min.insync.replicas', String(Math.min(config.number(plan.minIsr), replicationFactor)))
  }
  controller.createTopic({ name: plan.name, assignment, configs })
}

/** `__consumer_offsets` (offsets.topic.*). As for all topics, the brokers receive the metadata later. */
export function ensureOffsetsTopic(controller: Controller, config: BrokerConfig): void {
  ensureTopic(controller, config, {
    name: offsetsTopic,
    partitions: 'offsets.topic.num.partitions',
    replicationFactor: 'offsets.topic.replication.factor',
    configs: new Map([
      ['cleanup.policy', 'compact'],
      ['compression.type', 'producer'],
      ['segment.bytes', '104857600'],
    ]),
  })
}

/** `__transaction_state` (transaction.state.log.*). */
export function ensureTransactionTopic(controller: Controller, config: BrokerConfig): void {
  ensureTopic(controller, config, {
    name: transactionTopic,
    partitions: 'transaction.state.log.num.partitions',
    replicationFactor: 'transaction.state.log.replication.factor',
    minIsr: 'transaction.state.log.min.isr',
    configs: new Map([
      ['cleanup.policy', 'compact'],
      ['compression.type', 'uncompressed'],
      ['segment.bytes', '104857600'],
    ]),
  })
}

/** `__share_group_state` (share.coordinator.state.topic.*). */
export function ensureShareStateTopic(controller: Controller, config: BrokerConfig): void {
  ensureTopic(controller, config, {
    name: shareStateTopic,
    partitions: 'share.coordinator.state.topic.num.partitions',
    replicationFactor: 'share.coordinator.state.topic.replication.factor',
    minIsr: 'share.coordinator.state.topic.min.isr',
    configs: new Map([
      ['cleanup.policy', 'delete'],
      ['compression.type', 'producer'],
      ['retention.ms', '-1'],
      ['segment.bytes', String(config.number('share.coordinator.state.topic.segment.bytes'))],
    ]),
  })
}
