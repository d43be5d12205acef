import type { MetadataView, TopicImage } from '../metadata-view.ts'
import {
  type BrokerConfig,
  type BrokerConfigName,
  brokerConfigs,
  type ConfigDefinition,
  isBrokerConfig,
} from './broker-config.ts'
import { kafkaBrokerConfigs } from './config-table.ts'
import { type ConfigLimits, type ConfigType, listOf, shown, valueProblem } from './config-values.ts'

interface TopicConfigDefinition extends ConfigDefinition, ConfigLimits {
  /** The broker config that provides the default; undefined for configs that only topics have. */
  readonly synonym?: string
  /** Kafka takes the default from a broker config in another unit, which is not listed as a synonym. */
  readonly isDefaultInOtherUnit?: true
}

const forever = '9223372036854775807'

function define(
  type: ConfigType,
  defaultValue: string | number | boolean,
  synonym?: string,
  valid?: string,
): TopicConfigDefinition {
  return {
    type,
    defaultValue: String(defaultValue),
    dynamic: true,
    ...(synonym !== undefined && { synonym }),
    ...(valid !== undefined && { valid }),
  }
}

const withDefaultInOtherUnit = (definition: TopicConfigDefinition): TopicConfigDefinition => ({
  ...definition,
  isDefaultInOtherUnit: true,
})

const replicas = '[partitionId]:[brokerId],[partitionId]:[brokerId],...'
const codecs = '[uncompressed, zstd, lz4, snappy, gzip, producer]'

/** The topic configs of Kafka 4.3. All can be set; those in `TopicSettings` have an effect. */
export const topicConfigs: Readonly<Record<string, TopicConfigDefinition>> = {
  'cleanup.policy': define('list', 'delete', 'log.cleanup.policy', '[compact, delete]'),
  'compression.gzip.level': define('int', -1, 'compression.gzip.level', '[1,...,9] or -1'),
  'compression.lz4.level': define('int', 9, 'compression.lz4.level', '[1,...,17]'),
  'compression.type': define('string', 'producer', 'compression.type', codecs),
  'compression.zstd.level': define('int', 3, 'compression.zstd.level', '[-131072,...,22]'),
  'delete.retention.ms': define('long', 86_400_000, 'log.cleaner.delete.retention.ms', '[0,...]'),
  'file.delete.delay.ms': define('long', 60_000, 'log.segment.delete.delay.ms', '[0,...]'),
  'flush.messages': define('long', forever, 'log.flush.interval.messages', '[1,...]'),
  'flush.ms': withDefaultInOtherUnit(define('long', forever, 'log.flush.interval.ms', '[0,...]')),
  'follower.replication.throttled.replicas': define('list', '', undefined, replicas),
  'index.interval.bytes': define('int', 4096, 'log.index.interval.bytes', '[0,...]'),
  'leader.replication.throttled.replicas': define('list', '', undefined, replicas),
  'local.retention.bytes': define('long', -2, 'log.local.retention.bytes', '[-2,...]'),
  'local.retention.ms': define('long', -2, 'log.local.retention.ms', '[-2,...]'),
  'max.compaction.lag.ms': define('long', forever, 'log.cleaner.max.compaction.lag.ms', '[1,...]'),
  'max.message.bytes': define('int', 1_048_588, 'message.max.bytes', '[0,...]'),
  'message.timestamp.after.max.ms': define('long', 3_600_000, 'log.message.timestamp.after.max.ms', '[0,...]'),
  'message.timestamp.before.max.ms': define('long', forever, 'log.message.timestamp.before.max.ms', '[0,...]'),
  'message.timestamp.type': define('string', 'CreateTime', 'log.message.timestamp.type', '[CreateTime, LogAppendTime]'),
  'min.cleanable.dirty.ratio': define('double', 0.5, 'log.cleaner.min.cleanable.ratio', '[0,...,1]'),
  'min.compaction.lag.ms': define('long', 0, 'log.cleaner.min.compaction.lag.ms', '[0,...]'),
  'min.insync.replicas': define('int', 1, 'min.insync.replicas', '[1,...]'),
  preallocate: define('boolean', false, 'log.preallocate'),
  'remote.log.copy.disable': define('boolean', false),
  'remote.log.delete.on.disable': define('boolean', false),
  'remote.storage.enable': define('boolean', false),
  'retention.bytes': define('long', -1, 'log.retention.bytes'),
  'retention.ms': withDefaultInOtherUnit(define('long', 604_800_000, 'log.retention.ms', '[-1,...]')),
  'segment.bytes': define('int', 1_073_741_824, 'log.segment.bytes', '[1048576,...]'),
  'segment.index.bytes': define('int', 10_485_760, 'log.index.size.max.bytes', '[4,...]'),
  'segment.jitter.ms': withDefaultInOtherUnit(define('long', 0, 'log.roll.jitter.ms', '[0,...]')),
  'segment.ms': withDefaultInOtherUnit(define('long', 604_800_000, 'log.roll.ms', '[1,...]')),
  'unclean.leader.election.enable': define('boolean', false, 'unclean.leader.election.enable'),
}

/** Kafka's numbers of the sources of config values. */
export const configSource = {
  topic: 1,
  broker: 2,
  allBrokers: 3,
  static: 4,
  default: 5,
  logger: 6,
  clientMetrics: 7,
  group: 8,
} as const

/** Kafka's numbers of config types. */
export const configType = {
  unknown: 0,
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
} as const

export interface ConfigValue {
  /** The requested config. */
  readonly name: string
  /** The config that provides the value, possibly a broker's for a topic's. Empty: only topics have it. */
  readonly synonym: string
  /** Null: the default is null. */
  readonly value: string | null
  readonly source: number
}

const compressionIds: ReadonlyMap<string, number> = new Map([
  ['uncompressed', 0],
  ['gzip', 1],
  ['snappy', 2],
  ['lz4', 3],
  ['zstd', 4],
])

/** A topic's configs, parsed for its partitions. */
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
  readonly maxCompactionLagMs: number
  readonly minCleanableDirtyRatio: number
  readonly isCompacted: boolean
  /** The codec that the leader compresses batches with; undefined: the producer's. */
  readonly compressionId: number | undefined
  readonly isDeletedByAge: boolean
  readonly uncleanLeaderElection: boolean
}

/** Why a topic config is invalid; undefined when it is valid. */
export function topicConfigProblem(name: string, value: string | null): string | undefined {
  const definition = Object.hasOwn(topicConfigs, name) ? topicConfigs[name] : undefined
  if (definition === undefined) return `Unknown topic config name: ${name}`
  if (value === null) return `Null value not supported for topic configs: ${name}`
  return valueProblem(name, definition, value)
}

/** Why a topic's configs are invalid together; undefined when they are valid. */
export function topicConfigsProblem(configs: ReadonlyMap<string, string | null>): string | undefined {
  for (const name of configs.keys()) {
    if (!Object.hasOwn(topicConfigs, name)) return `Unknown topic config name: ${name}`
  }
  for (const [name, value] of configs) {
    const problem = topicConfigProblem(name, value)
    if (problem !== undefined) return problem
  }
  const number = (name: string) => Number(configs.get(name) ?? topicConfigs[name]?.defaultValue)
  const [least, most] = [number('min.compaction.lag.ms'), number('max.compaction.lag.ms')]
  if (least > most) {
    return `conflict topic config setting min.compaction.lag.ms (${least}) > max.compaction.lag.ms (${most})`
  }
  if (configs.get('remote.storage.enable') === 'true') {
    return 'Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.'
  }
  return undefined
}

/** The broker whose view of the configs is used. */
export interface ConfigObserver {
  readonly id: number
  readonly view: MetadataView
  readonly config: BrokerConfig
}

/** A topic config's values in one broker's view, most specific first; the first one applies. */
export function topicConfigValues(
  name: string,
  topic: Pick<TopicImage, 'configs'> | undefined,
  broker: ConfigObserver,
): ConfigValue[] {
  const definition = topicConfigs[name]
  if (definition === undefined) return []
  const { synonym, defaultValue, type } = definition
  const values: ConfigValue[] = []
  const own = topic?.configs.get(name)
  if (own !== undefined) values.push({ name, synonym: name, value: shown(type, own), source: configSource.topic })
  for (const value of synonym === undefined ? [] : setBrokerConfigValues(synonym, broker))
    values.push({ ...value, name })
  const other = otherUnit(synonym, values)
  if (other !== undefined) values.push({ ...other, name })
  else {
    const named = definition.isDefaultInOtherUnit === true ? '' : (synonym ?? '')
    const value = synonym !== undefined && isBrokerConfig(synonym) ? brokerConfigs[synonym].defaultValue : defaultValue
    values.push({ name, synonym: named, value, source: configSource.default })
  }
  return values
}

/** Configs in another unit that provide a default. */
const otherUnits: Readonly<Record<string, string>> = {
  'log.flush.interval.ms': 'log.flush.scheduler.interval.ms',
  'log.retention.ms': 'log.retention.hours',
  'log.roll.jitter.ms': 'log.roll.jitter.hours',
  'log.roll.ms': 'log.roll.hours',
}

/** That default; Kafka returns it only when a broker config overrides it. */
function otherUnit(name: string | undefined, values: readonly ConfigValue[]): ConfigValue | undefined {
  const synonym = name === undefined ? undefined : otherUnits[name]
  if (synonym === undefined || !values.some((each) => each.synonym === name)) return undefined
  const value = kafkaBrokerConfigs().get(synonym)?.defaultValue ?? null
  return { name: synonym, synonym, value, source: configSource.default }
}

/**
 * A broker config's values without its default: set for the broker, for all brokers, or in the start options. Kafka sets
 * min.insync.replicas for all brokers when it enables eligible leader replicas.
 */
function setBrokerConfigValues(name: string, { id, view, config }: ConfigObserver): ConfigValue[] {
  const values: ConfigValue[] = []
  const add = (value: string, source: number) => values.push({ name, synonym: name, value, source })
  const own = view.areas.brokerConfigs.get(String(id))?.get(name)
  if (own !== undefined) add(own, configSource.broker)
  const shared =
    view.areas.brokerConfigs.get('')?.get(name) ?? (name === 'min.insync.replicas' ? config.text(name) : undefined)
  if (shared !== undefined) add(shared, configSource.allBrokers)
  if (isBrokerConfig(name) && config.isGiven(name)) add(config.text(name), configSource.static)
  return values
}

/** A broker config's current value in one broker's view. */
export function currentBrokerConfig(name: BrokerConfigName, broker: ConfigObserver): string {
  return setBrokerConfigValues(name, broker)[0]?.value ?? broker.config.text(name)
}

/**
 * All values of a broker config, including the default. A testkit default that differs from Kafka's counts as a start
 * option.
 */
export function brokerConfigValues(name: string, broker: ConfigObserver): ConfigValue[] {
  const values = setBrokerConfigValues(name, broker)
  const other = otherUnit(name, values)
  if (other !== undefined) return [...values, { ...other, name }]
  const kafkas = kafkaBrokerConfigs().get(name)?.defaultValue
  const ours = isBrokerConfig(name) ? brokerConfigs[name].defaultValue : undefined
  const isGiven = isBrokerConfig(name) && broker.config.isGiven(name)
  if (ours !== undefined && !isGiven && typeof kafkas === 'string' && ours !== kafkas) {
    values.push({ name, synonym: name, value: ours, source: configSource.static })
  }
  if (kafkas !== undefined) {
    values.push({ name, synonym: kafkas === null ? '' : name, value: kafkas, source: configSource.default })
  }
  return values
}

/** All settings of a topic; computed when configs change, not per request. */
export function topicSettings(topic: Pick<TopicImage, 'configs'>, broker: ConfigObserver): TopicSettings {
  const text = (name: string) =>
    shown(topicConfigs[name]?.type ?? 'string', topicConfigValues(name, topic, broker)[0]?.value ?? '')
  const policies = listOf(text('cleanup.policy'))
  const isCompacted = policies.includes('compact')
  const maxCompactionLagMs = Number(text('max.compaction.lag.ms'))
  return {
    minInsyncReplicas: Number(text('min.insync.replicas')),
    maxMessageBytes: Number(text('max.message.bytes')),
    usesLogAppendTime: text('message.timestamp.type') === 'LogAppendTime',
    timestampBeforeMaxMs: Number(text('message.timestamp.before.max.ms')),
    timestampAfterMaxMs: Number(text('message.timestamp.after.max.ms')),
    segmentBytes: Number(text('segment.bytes')),
    // The active segment is never cleaned, so it is rolled within max.compaction.lag.ms.
    segmentMs: Math.min(Number(text('segment.ms')), isCompacted ? maxCompactionLagMs : Number.POSITIVE_INFINITY),
    flushMessages: Number(text('flush.messages')),
    retentionMs: Number(text('retention.ms')),
    retentionBytes: Number(text('retention.bytes')),
    deleteRetentionMs: Number(text('delete.retention.ms')),
    minCompactionLagMs: Number(text('min.compaction.lag.ms')),
    maxCompactionLagMs,
    minCleanableDirtyRatio: Number(text('min.cleanable.dirty.ratio')),
    isCompacted,
    compressionId: compressionIds.get(text('compression.type')),
    isDeletedByAge: policies.includes('delete'),
    uncleanLeaderElection: text('unclean.leader.election.enable') === 'true',
  }
}
