import type { Controller } from '../controller.ts'
import type { BrokerConfig } from '../state/broker-config.ts'
import { SHARE_STATE_TOPIC } from '../state/share-state-records.ts'

/**
 * Creates `__share_group_state` (share.coordinator.state.topic.*, but no more replicas than there are live brokers) when it
 * is missing. Brokers learn of it later.
 */
export function ensureShareStateTopic(controller: Controller, config: BrokerConfig): void {
  const alive = controller.state.aliveBrokers().length
  if (alive === 0 || controller.state.topic(SHARE_STATE_TOPIC) !== undefined) return
  const replicationFactor = Math.min(config.number('share.coordinator.state.topic.replication.factor'), alive)
  const minIsr = Math.min(config.number('share.coordinator.state.topic.min.isr'), replicationFactor)
  const assignment = controller.assign(config.number('share.coordinator.state.topic.num.partitions'), replicationFactor)
  const configs = new Map([
    ['cleanup.policy', 'delete'],
    ['compression.type', 'producer'],
    ['min.insync.replicas', String(minIsr)],
    ['retention.ms', '-1'],
    ['segment.bytes', String(config.number('share.coordinator.state.topic.segment.bytes'))],
  ])
  controller.createTopic({ name: SHARE_STATE_TOPIC, assignment, configs })
}
