import type { BrokerConfig } from './broker-config.ts'

/** Kafka's `group.streams.…` broker configs, of which a group may have its own. */
export interface StreamsGroupConfig {
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly maxSize: number
  readonly standbyReplicas: number
  readonly initialRebalanceDelayMs: number
  readonly assignmentIntervalMs: number
}

export const defaultStreamsGroupConfig: StreamsGroupConfig = Object.freeze({
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 5_000,
  maxSize: 2_147_483_647,
  standbyReplicas: 0,
  initialRebalanceDelayMs: 0,
  assignmentIntervalMs: 0,
})

export function streamsGroupConfigOf(config: BrokerConfig): StreamsGroupConfig {
  return {
    sessionTimeoutMs: config.number('group.streams.session.timeout.ms'),
    heartbeatIntervalMs: config.number('group.streams.heartbeat.interval.ms'),
    maxSize: config.number('group.streams.max.size'),
    standbyReplicas: config.number('group.streams.num.standby.replicas'),
    initialRebalanceDelayMs: config.number('group.streams.initial.rebalance.delay.ms'),
    assignmentIntervalMs: config.number('group.streams.assignment.interval.ms'),
  }
}
