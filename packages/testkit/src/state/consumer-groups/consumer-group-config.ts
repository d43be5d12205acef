import type { BrokerConfig } from '../configs/broker-config.ts'

/** Which online migrations are allowed: Kafka's `group.consumer.migration.policy`. */
export type MigrationPolicy = 'bidirectional' | 'upgrade' | 'downgrade' | 'disabled'

/** Kafka's `group.consumer.…` broker configs, some of which a group can override. */
export interface ConsumerGroupConfig {
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly maxSize: number
  /** Names; the first one is the default. */
  readonly assignors: readonly string[]
  readonly migrationPolicy: MigrationPolicy
  /** The minimum time between two assignments of a group. */
  readonly assignmentIntervalMs: number
  readonly regexRefreshIntervalMs: number
}

export const defaultConsumerGroupConfig: ConsumerGroupConfig = Object.freeze({
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 5_000,
  maxSize: 2_147_483_647,
  assignors: ['uniform', 'range'],
  migrationPolicy: 'bidirectional',
  assignmentIntervalMs: 0,
  regexRefreshIntervalMs: 600_000,
})

export const allowsUpgrade = (policy: MigrationPolicy): boolean => policy === 'bidirectional' || policy === 'upgrade'
export const allowsDowngrade = (policy: MigrationPolicy): boolean =>
  policy === 'bidirectional' || policy === 'downgrade'

const policies: readonly MigrationPolicy[] = ['bidirectional', 'upgrade', 'downgrade', 'disabled']

/** The configuration of one group: its own configs, with the broker's as defaults. */
export function consumerGroupConfigOf(config: BrokerConfig, own: ReadonlyMap<string, string>): ConsumerGroupConfig {
  const policy = config.text('group.consumer.migration.policy').toLowerCase()
  const number = (name: string, broker: number): number => Number(own.get(name) ?? broker)
  return {
    sessionTimeoutMs: number('consumer.session.timeout.ms', config.number('group.consumer.session.timeout.ms')),
    heartbeatIntervalMs: number(
      'consumer.heartbeat.interval.ms',
      config.number('group.consumer.heartbeat.interval.ms'),
    ),
    maxSize: config.number('group.consumer.max.size'),
    assignors: config
      .text('group.consumer.assignors')
      .split(',')
      .map((name) => name.trim()),
    migrationPolicy: policies.find((each) => each === policy) ?? 'bidirectional',
    assignmentIntervalMs: number(
      'consumer.assignment.interval.ms',
      config.number('group.consumer.assignment.interval.ms'),
    ),
    regexRefreshIntervalMs: config.number('group.consumer.regex.refresh.interval.ms'),
  }
}
