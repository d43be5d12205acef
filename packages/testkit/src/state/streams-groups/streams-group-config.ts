import type { BrokerConfig } from '../configs/broker-config.ts'

/** Kafka's `group.streams.…` broker configs, some of which a group can override. */
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

/** The configuration of one group: its own configs, with the broker's as defaults. */
export function streamsGroupConfigOf(config: BrokerConfig, own: ReadonlyMap<string, string>): StreamsGroupConfig {
  const number = (name: string, broker: number): number => Number(own.get(name) ?? broker)
  return {
    sessionTimeoutMs: number('streams.session.timeout.ms', config.number('group.streams.session.timeout.ms')),
    heartbeatIntervalMs: number('streams.heartbeat.interval.ms', config.number('group.streams.heartbeat.interval.ms')),
    maxSize: config.number('group.streams.max.size'),
    standbyReplicas: number('streams.num.standby.replicas', config.number('group.streams.num.standby.replicas')),
    initialRebalanceDelayMs: number(
      'streams.initial.rebalance.delay.ms',
      config.number('group.streams.initial.rebalance.delay.ms'),
    ),
    assignmentIntervalMs: number(
      'streams.assignment.interval.ms',
      config.number('group.streams.assignment.interval.ms'),
    ),
  }
}
