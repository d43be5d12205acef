import {
  type BrokerConfig,
  type BrokerConfigName,
  brokerConfigs,
  type ConfigDefinition,
  type ConfigType,
  problemWith,
} from './broker-config.ts'
import type { MetadataView, TopicImage } from './metadata-view.ts'

interface TopicConfigDefinition extends ConfigDefinition {
  /** The broker config that gives the default. */
  readonly brokerConfig?: BrokerConfigName
  /** The name of Kafka's broker config where it has no effect here. */
  readonly synonym?: string
  /** Kafka's default is that of the broker config of the same name in hours, and has no name in this unit. */
  readonly isDefaultInHours?: true
  readonly oneOf?: readonly string[]
  readonly min?: number
}

const forever = '9223372036854775807'

function define(
  type: ConfigType,
  defaultValue: string | number | boolean,
  more: Pick<TopicConfigDefinition, 'brokerConfig' | 'synonym' | 'isDefaultInHours' | 'oneOf' | 'min'> = {},
): TopicConfigDefinition {
  return { type, defaultValue: String(defaultValue), dynamic: true, ...more }
}

/** The topic configs of Kafka 4.3, all of which can be set; `TopicSettings` says which have an effect. */
export const topicConfigs: Readonly<Record<string, TopicConfigDefinition>> = {
  'cleanup.policy': define('list', 'delete', { brokerConfig: 'log.cleanup.policy', oneOf: ['compact', 'delete'] }),
  'compression.gzip.level': define('int', -1, { synonym: 'compression.gzip.level' }),
  'compression.lz4.level': define('int', 9, { synonym: 'compression.lz4.level' }),
  'compression.type': define('string', 'producer', {
    brokerConfig: 'compression.type',
    oneOf: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'],
  }),
  'compression.zstd.level': define('int', 3, { synonym: 'compression.zstd.level' }),
  'delete.retention.ms': define('long', 86_400_000, { synonym: 'log.cleaner.delete.retention.ms', min: 0 }),
  'file.delete.delay.ms': define('long', 60_000, { synonym: 'log.segment.delete.delay.ms', min: 0 }),
  'flush.messages': define('long', forever, { brokerConfig: 'log.flush.interval.messages', min: 1 }),
  'flush.ms': define('long', forever, { min: 0 }),
  'follower.replication.throttled.replicas': define('list', ''),
  'index.interval.bytes': define('int', 4096, { synonym: 'log.index.interval.bytes', min: 0 }),
  'leader.replication.throttled.replicas': define('list', ''),
  'local.retention.bytes': define('long', -2, { synonym: 'log.local.retention.bytes', min: -2 }),
  'local.retention.ms': define('long', -2, { synonym: 'log.local.retention.ms', min: -2 }),
  'max.compaction.lag.ms': define('long', forever, { synonym: 'log.cleaner.max.compaction.lag.ms', min: 1 }),
  'max.message.bytes': define('int', 1_048_588, { brokerConfig: 'message.max.bytes', min: 0 }),
  'message.timestamp.after.max.ms': define('long', 3_600_000, {
    brokerConfig: 'log.message.timestamp.after.max.ms',
    min: 0,
  }),
  'message.timestamp.before.max.ms': define('long', forever, {
    brokerConfig: 'log.message.timestamp.before.max.ms',
    min: 0,
  }),
  'message.timestamp.type': define('string', 'CreateTime', {
    brokerConfig: 'log.message.timestamp.type',
    oneOf: ['CreateTime', 'LogAppendTime'],
  }),
  'min.cleanable.dirty.ratio': define('double', 0.5, { synonym: 'log.cleaner.min.cleanable.ratio', min: 0 }),
  'min.compaction.lag.ms': define('long', 0, { synonym: 'log.cleaner.min.compaction.lag.ms', min: 0 }),
  'min.insync.replicas': define('int', 1, { brokerConfig: 'min.insync.replicas', min: 1 }),
  preallocate: define('boolean', false, { synonym: 'log.preallocate' }),
  'remote.log.copy.disable': define('boolean', false),
  'remote.log.delete.on.disable': define('boolean', false),
  'remote.storage.enable': define('boolean', false),
  'retention.bytes': define('long', -1, { brokerConfig: 'log.retention.bytes' }),
  'retention.ms': define('long', 604_800_000, { brokerConfig: 'log.retention.ms', isDefaultInHours: true, min: -1 }),
  'segment.bytes': define('int', 1_073_741_824, { brokerConfig: 'log.segment.bytes', min: 1_048_576 }),
  'segment.index.bytes': define('int', 10_485_760, { synonym: 'log.index.size.max.bytes', min: 4 }),
  'segment.jitter.ms': define('long', 0, { min: 0 }),
  'segment.ms': define('long', 604_800_000, { min: 1 }),
  'unclean.leader.election.enable': define('boolean', false, { brokerConfig: 'unclean.leader.election.enable' }),
}

/** Where a value comes from, by Kafka's number. */
export const configSource = { topic: 1, broker: 2, allBrokers: 3, static: 4, default: 5 } as const

/** Kafka's numbers of the types of configs. */
export const configType = { unknown: 0, boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const

export interface ConfigValue {
  /** The config that was asked for. */
  readonly name: string
  /** The config that gives the value: a topic's may come from a broker's. Empty: only a topic has it. */
  readonly synonym: string
  readonly value: string
  readonly source: number
}

/** What a topic's configs mean to its partitions. */
export interface TopicSettings {
  readonly minInsyncReplicas: number
  readonly maxMessageBytes: number
  readonly usesLogAppendTime: boolean
  readonly timestampBeforeMaxMs: number
  readonly timestampAfterMaxMs: number
  readonly segmentBytes: number
  readonly segmentMs: number
  readonly flushMessages: number
  readonly retentionMs: number
  readonly retentionBytes: number
  readonly deleteRetentionMs: number
  readonly minCompactionLagMs: number
  readonly isCompacted: boolean
  readonly isDeletedByAge: boolean
  readonly uncleanLeaderElection: boolean
}

/** Why a topic config cannot be set; undefined when it can. */
export function topicConfigProblem(name: string, value: string | null): string | undefined {
  const definition = Object.hasOwn(topicConfigs, name) ? topicConfigs[name] : undefined
  if (definition === undefined) return `Unknown topic config name: ${name}`
  if (value === null) return `Null value not supported for topic configs: ${name}`
  const problem = problemWith(definition, value)
  if (problem !== undefined) return `Invalid value ${value} for configuration ${name}: ${problem}`
  if (definition.min !== undefined && Number(value) < definition.min) {
    return `Invalid value ${value} for configuration ${name}: Value must be at least ${definition.min}`
  }
  const { oneOf } = definition
  const parts = definition.type === 'list' ? value.split(',').map((part) => part.trim()) : [value]
  if (oneOf !== undefined && !parts.every((part) => oneOf.includes(part))) {
    return `Invalid value ${value} for configuration ${name}: String must be one of: ${oneOf.join(', ')}`
  }
  return undefined
}

/** The value of a topic config as one broker sees it, and what it would be without each setting: most specific first. */
export function topicConfigValues(
  name: string,
  topic: Pick<TopicImage, 'configs'> | undefined,
  broker: { readonly id: number; readonly view: MetadataView; readonly config: BrokerConfig },
): ConfigValue[] {
  const definition = topicConfigs[name]
  if (definition === undefined) return []
  const values: ConfigValue[] = []
  const own = topic?.configs.get(name)
  if (own !== undefined) values.push({ name, synonym: name, value: own, source: configSource.topic })
  if (definition.brokerConfig === undefined) {
    const { synonym, defaultValue: value } = definition
    values.push({ name, synonym: synonym ?? '', value, source: configSource.default })
  } else {
    for (const value of brokerConfigValues(definition.brokerConfig, broker)) {
      const isUnnamed = definition.isDefaultInHours === true && value.source === configSource.default
      values.push({ ...value, name, synonym: isUnnamed ? '' : value.synonym })
    }
  }
  return values
}

/** The same for a broker config. */
export function brokerConfigValues(
  name: BrokerConfigName,
  broker: { readonly id: number; readonly view: MetadataView; readonly config: BrokerConfig },
): ConfigValue[] {
  const values: ConfigValue[] = []
  const dynamic = broker.view.brokerConfig(broker.id, name)
  if (dynamic !== undefined) {
    const source = dynamic.perBroker ? configSource.broker : configSource.allBrokers
    values.push({ name, synonym: name, value: dynamic.value, source })
  }
  if (broker.config.isGiven(name)) {
    values.push({ name, synonym: name, value: broker.config.text(name), source: configSource.static })
  }
  values.push({ name, synonym: name, value: brokerConfigs[name].defaultValue, source: configSource.default })
  return values
}

/** All settings of a topic at once; made when configs change, not for each request. */
export function topicSettings(
  topic: Pick<TopicImage, 'configs'>,
  broker: { readonly id: number; readonly view: MetadataView; readonly config: BrokerConfig },
): TopicSettings {
  const text = (name: string) => topicConfigValues(name, topic, broker)[0]?.value ?? ''
  const policies = text('cleanup.policy').split(',')
  return {
    minInsyncReplicas: Number(text('min.insync.replicas')),
    maxMessageBytes: Number(text('max.message.bytes')),
    usesLogAppendTime: text('message.timestamp.type') === 'LogAppendTime',
    timestampBeforeMaxMs: Number(text('message.timestamp.before.max.ms')),
    timestampAfterMaxMs: Number(text('message.timestamp.after.max.ms')),
    segmentBytes: Number(text('segment.bytes')),
    segmentMs: Number(text('segment.ms')),
    flushMessages: Number(text('flush.messages')),
    retentionMs: Number(text('retention.ms')),
    retentionBytes: Number(text('retention.bytes')),
    deleteRetentionMs: Number(text('delete.retention.ms')),
    minCompactionLagMs: Number(text('min.compaction.lag.ms')),
    isCompacted: policies.includes('compact'),
    isDeletedByAge: policies.includes('delete'),
    uncleanLeaderElection: text('unclean.leader.election.enable') === 'true',
  }
}
