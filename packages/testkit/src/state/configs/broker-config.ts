import { type ConfigType, valueProblem } from './config-values.ts'

export interface ConfigDefinition {
  readonly type: ConfigType
  /** As Kafka formats it. */
  readonly defaultValue: string
  /** Can be changed while the cluster runs. */
  readonly dynamic?: true
}

const define = (type: ConfigType, defaultValue: string | number | boolean, dynamic?: 'dynamic'): ConfigDefinition => ({
  type,
  defaultValue: String(defaultValue),
  ...(dynamic && { dynamic: true }),
})

/**
 * The broker configs that have an effect here, by Kafka's names. The first group has other defaults than Kafka, where Kafka's
 * would slow tests down or require several brokers.
 */
export const brokerConfigs = {
  'broker.session.timeout.ms': define('int', 500),
  'group.initial.rebalance.delay.ms': define('int', 0),
  'group.min.session.timeout.ms': define('int', 100),
  'group.consumer.assignment.interval.ms': define('int', 0),
  'group.streams.assignment.interval.ms': define('int', 0),
  'group.streams.initial.rebalance.delay.ms': define('int', 0),
  'offsets.topic.num.partitions': define('int', 8),
  'offsets.topic.replication.factor': define('int', 3),
  'group.share.assignment.interval.ms': define('int', 0),
  'share.coordinator.state.topic.num.partitions': define('int', 8),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': define('int', 1000),
  'transaction.state.log.num.partitions': define('int', 8),

  'auto.create.topics.enable': define('boolean', true),
  'auto.leader.rebalance.enable': define('boolean', true),
  'leader.imbalance.check.interval.seconds': define('long', 300),
  'compression.type': define('string', 'producer', 'dynamic'),
  'connections.max.idle.ms': define('long', 600_000),
  'connections.max.reauth.ms': define('long', 0),
  'default.replication.factor': define('int', 1),
  'delegation.token.expiry.check.interval.ms': define('long', 3_600_000),
  'delegation.token.expiry.time.ms': define('long', 86_400_000),
  'delegation.token.max.lifetime.ms': define('long', 604_800_000),
  'delegation.token.secret.key': define('string', ''),
  'delete.topic.enable': define('boolean', true),
  'fetch.max.bytes': define('int', 57_671_680),
  'group.consumer.assignors': define('list', 'uniform,range'),
  'group.consumer.heartbeat.interval.ms': define('int', 5000),
  'group.consumer.max.size': define('int', 2_147_483_647),
  'group.consumer.min.heartbeat.interval.ms': define('int', 5000),
  'group.consumer.min.session.timeout.ms': define('int', 45_000),
  'group.consumer.migration.policy': define('string', 'bidirectional'),
  'group.consumer.regex.refresh.interval.ms': define('int', 600_000),
  'group.consumer.session.timeout.ms': define('int', 45_000),
  'group.max.session.timeout.ms': define('int', 1_800_000),
  'group.max.size': define('int', 2_147_483_647),
  'group.share.min.record.lock.duration.ms': define('int', 15_000),
  'group.streams.heartbeat.interval.ms': define('int', 5000),
  'group.streams.max.size': define('int', 2_147_483_647),
  'group.streams.num.standby.replicas': define('int', 0),
  'group.streams.session.timeout.ms': define('int', 45_000),
  'log.dirs': define('string', '/tmp/kafka-logs'),
  'log.cleaner.backoff.ms': define('long', 15_000, 'dynamic'),
  'log.cleaner.enable': define('boolean', true),
  'log.cleaner.max.compaction.lag.ms': define('long', '9223372036854775807', 'dynamic'),
  'log.cleaner.min.cleanable.ratio': define('double', 0.5, 'dynamic'),
  'log.cleaner.min.compaction.lag.ms': define('long', 0, 'dynamic'),
  'log.cleanup.policy': define('list', 'delete', 'dynamic'),
  'log.flush.interval.messages': define('long', '9223372036854775807', 'dynamic'),
  'log.message.timestamp.after.max.ms': define('long', 3_600_000, 'dynamic'),
  'log.message.timestamp.before.max.ms': define('long', '9223372036854775807', 'dynamic'),
  'log.message.timestamp.type': define('string', 'CreateTime', 'dynamic'),
  'log.retention.bytes': define('long', -1, 'dynamic'),
  'log.retention.check.interval.ms': define('long', 300_000),
  'log.retention.ms': define('long', 604_800_000, 'dynamic'),
  'log.segment.bytes': define('int', 1_073_741_824, 'dynamic'),
  'max.incremental.fetch.session.cache.slots': define('int', 1000),
  'message.max.bytes': define('int', 1_048_588, 'dynamic'),
  'min.insync.replicas': define('int', 1, 'dynamic'),
  'num.partitions': define('int', 1),
  'offset.metadata.max.bytes': define('int', 4096),
  'offsets.commit.timeout.ms': define('int', 5000),
  'offsets.retention.check.interval.ms': define('long', 600_000),
  'offsets.retention.minutes': define('int', 10_080),
  'producer.id.expiration.ms': define('int', 86_400_000, 'dynamic'),
  'replica.lag.time.max.ms': define('long', 30_000),
  'replica.fetch.backoff.ms': define('int', 1000),
  'replica.fetch.max.bytes': define('int', 1_048_576),
  'replica.selector.class': define('string', ''),
  'socket.request.max.bytes': define('int', 104_857_600),
  'ssl.client.auth': define('string', 'none'),
  'ssl.principal.mapping.rules': define('string', 'DEFAULT'),
  'transaction.max.timeout.ms': define('int', 900_000),
  'transaction.partition.verification.enable': define('boolean', true),
  'transaction.remove.expired.transaction.cleanup.interval.ms': define('int', 3_600_000),
  'transactional.id.expiration.ms': define('int', 604_800_000),
  'producer.id.expiration.check.interval.ms': define('int', 600_000),
  'transaction.state.log.min.isr': define('int', 2),
  'transaction.state.log.replication.factor': define('int', 3),
  'unclean.leader.election.enable': define('boolean', false, 'dynamic'),

  'allow.everyone.if.no.acl.found': define('boolean', false),
  'authorizer.class.name': define('string', ''),
  'super.users': define('string', ''),
  'group.share.delivery.count.limit': define('int', 5),
  'group.share.heartbeat.interval.ms': define('int', 5000),
  'group.share.initialize.retry.interval.ms': define('int', 30_000),
  'group.share.max.share.sessions': define('int', 2000),
  'group.share.max.size': define('int', 200),
  'group.share.partition.max.record.locks': define('int', 2000),
  'group.share.record.lock.duration.ms': define('int', 30_000),
  'group.share.session.timeout.ms': define('int', 45_000),
  'share.coordinator.snapshot.update.records.per.snapshot': define('int', 500),
  'share.coordinator.state.topic.min.isr': define('int', 2),
  'share.coordinator.state.topic.prune.interval.ms': define('int', 300_000),
  'share.coordinator.state.topic.replication.factor': define('int', 3),
  'share.coordinator.state.topic.segment.bytes': define('int', 104_857_600),
  'share.coordinator.write.timeout.ms': define('int', 5000),
} satisfies Record<string, ConfigDefinition>

export type BrokerConfigName = keyof typeof brokerConfigs

/** The values of the broker configs: the options over the defaults. */
export class BrokerConfig {
  readonly #values: ReadonlyMap<string, string>

  /** Throws TypeError for an unsupported name or an invalid value. */
  constructor(given: Readonly<Record<string, string | number | boolean>> = {}) {
    const values = new Map<string, string>()
    for (const [name, value] of Object.entries(given)) {
      if (!isBrokerConfig(name)) throw new TypeError(`Config '${name}' is not supported by the testkit`)
      const problem = valueProblem(name, brokerConfigs[name], String(value))
      if (problem !== undefined) throw new TypeError(`Config '${name}': ${problem}`)
      values.set(name, String(value))
    }
    this.#values = values
  }

  /** True when it is set in the options of `createCluster`. */
  isGiven(name: BrokerConfigName): boolean {
    return this.#values.has(name)
  }

  text(name: BrokerConfigName): string {
    return this.#values.get(name) ?? brokerConfigs[name].defaultValue
  }

  /** Above 2^53 the nearest double; such values are only compared. */
  number(name: BrokerConfigName): number {
    return Number(this.text(name))
  }

  boolean(name: BrokerConfigName): boolean {
    return this.text(name) === 'true'
  }
}

export function isBrokerConfig(name: string): name is BrokerConfigName {
  return Object.hasOwn(brokerConfigs, name)
}
