import type { ConfigLimits } from './config-values.ts'
import { brokerConfigRows } from './data/broker-configs.ts'
import { groupConfigRows } from './data/group-configs.ts'

export type UpdateMode = 'read-only' | 'per-broker' | 'cluster-wide'

/** A config as Kafka defines it. */
export interface ConfigKey extends ConfigLimits {
  readonly name: string
  readonly updateMode: UpdateMode
  /** Undefined: required. */
  readonly defaultValue: string | null | undefined
  readonly valid: string
}

export type ConfigTable = ReadonlyMap<string, ConfigKey>

/** All broker configs of Kafka, by name; parsed on first use. */
export const kafkaBrokerConfigs = lazily(() => tableOf(brokerConfigRows))

/** All group configs of Kafka, by name. */
export const kafkaGroupConfigs = lazily(() => tableOf(groupConfigRows))

/** The configs of a client metrics subscription. */
export const clientMetricsKeys: ConfigTable = new Map(
  (
    [
      ['interval.ms', 'int', '300000'],
      ['match', 'list', ''],
      ['metrics', 'list', ''],
    ] as const
  ).map(([name, type, defaultValue]) => [name, { name, type, defaultValue, valid: '', updateMode: 'cluster-wide' }]),
)

function lazily(make: () => ConfigTable): () => ConfigTable {
  let made: ConfigTable | undefined
  return () => {
    made ??= make()
    return made
  }
}

function tableOf(rows: string): ConfigTable {
  const keys = rows
    .trim()
    .split('\n')
    .map((row): ConfigKey => {
      const [name = '', type, updateMode, initial, ...valid] = row.split(' ')
      return {
        name,
        type: type as ConfigKey['type'],
        updateMode: updateMode as UpdateMode,
        defaultValue: initial === '-' ? undefined : initial === '~' ? null : initial === '""' ? '' : initial,
        valid: valid.join(' '),
      }
    })
  return new Map(keys.map((key) => [key.name, key]))
}
