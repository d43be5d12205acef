import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BrokerConfig, brokerConfigs, isBrokerConfig } from '../../packages/testkit/src/state/configs/broker-config.ts'
import {
  clientMetricsKeys,
  kafkaBrokerConfigs,
  kafkaGroupConfigs,
} from '../../packages/testkit/src/state/configs/config-table.ts'
import { topicConfigs, topicSettings } from '../../packages/testkit/src/state/configs/topic-config.ts'
import { MetadataView } from '../../packages/testkit/src/state/metadata-view.ts'

const folder = fileURLToPath(new URL('../../packages/testkit/src', import.meta.url))

/** What only defines, checks or shows configs: a name there is no use of it. */
const tables =
  /(^|\/)(broker-config|broker-config-rules|config-table|topic-config|group-config-rules)\.ts$|(^|\/)data\//

function codeThatUses(): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !tables.test(name))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n')
}

/** Topic configs that brokers look at: those that their settings are read from. */
export function effectiveTopicConfigs(): ReadonlySet<string> {
  const asked = new Set<string>()
  const configs = new Map<string, string>()
  const get = configs.get.bind(configs)
  configs.get = (name) => {
    asked.add(name)
    return get(name)
  }
  topicSettings({ configs }, { id: 1, view: new MetadataView(), config: new BrokerConfig() })
  return asked
}

export interface BrokerConfigUses {
  /** Read from what brokers are started with. */
  readonly atStart: ReadonlySet<string>
  /** Read again when they are altered. */
  readonly atRunTime: ReadonlySet<string>
}

/** Broker configs that some code reads by their names. */
export function brokerConfigUses(): BrokerConfigUses {
  const code = codeThatUses()
  const found = (pattern: RegExp) => Array.from(code.matchAll(pattern), ([, name = '']) => name)
  const topics = [...effectiveTopicConfigs()].flatMap((name) => topicConfigs[name]?.synonym ?? [])
  const dynamic = found(/\b(?:currentBrokerConfig|brokerConfig)\((?:[\w.]+,)?\s*'([\w.]+)'/g)
  const given = found(/\b(?:text|number|boolean|isGiven)\(\s*'([\w.]+)'/g)
  // The names of these configs say how coordinators' topics are created.
  const planned = found(/\b(?:partitions|replicationFactor|minIsr): '([\w.]+)'/g)
  const atRunTime = new Set([...topics, ...dynamic])
  return { atStart: new Set([...given, ...planned, ...atRunTime].filter(isBrokerConfig)), atRunTime }
}

/** Of the configs with an effect: what it is limited to. */
const limits: Readonly<Record<string, string>> = {
  'compression.type': 'zstd and large batches stay as the producer sent them',
  'cordoned.log.dirs': 'for brokers that have no other directories; among those of one broker it makes no difference',
}

/** In force with Kafka's default, and cannot be given: bounds of groups' configs, windows of quotas. */
const fixed = /^group\.(consumer|share|streams)\.(min|max)\.(?!size$)|^(controller\.)?quota\.window\./

/** Of each broker its own; they are options of `createCluster`. */
const ofBrokers: ReadonlySet<string> = new Set(['broker.id', 'node.id', 'broker.rack'])

const listed = (names: Iterable<string>) => {
  const sorted = Array.from(names, (name) => `\`${name}\``).sort()
  return sorted.length === 0 ? 'none' : sorted.join(', ')
}

export function configsSection(): string {
  return ['## Configs', brokersPart(), topicsPart(), othersPart()].join('\n\n')
}

function brokersPart(): string {
  const kafka = kafkaBrokerConfigs()
  const { atStart, atRunTime } = brokerConfigUses()
  const names = [...new Set([...Object.keys(brokerConfigs), ...atRunTime])].filter(
    (name) => atStart.has(name) || atRunTime.has(name),
  )
  const rows = names.sort().map((name) => {
    const ours = isBrokerConfig(name) ? brokerConfigs[name].defaultValue : kafka.get(name)?.defaultValue
    const theirs = kafka.get(name)?.defaultValue
    const other = typeof theirs === 'string' && theirs !== ours ? `${ours} (Kafka: ${theirs})` : (ours ?? '')
    const isAlterable = kafka.has(name) && kafka.get(name)?.updateMode !== 'read-only'
    const runTime = !isAlterable ? 'cannot be altered' : atRunTime.has(name) ? 'yes' : 'kept, no effect'
    return `| \`${name}\` | ${other} | ${atStart.has(name) ? 'yes' : 'cannot be given'} | ${runTime} | ${limits[name] ?? ''} |`
  })
  const inert = Object.keys(brokerConfigs).filter((name) => !atStart.has(name))
  const inForce = [...kafka.keys()].filter((name) => fixed.test(name) && !names.includes(name))
  const rest = [...kafka.keys()].filter(
    (name) => !names.includes(name) && !inForce.includes(name) && !isBrokerConfig(name),
  )
  const alterable = rest.filter((name) => kafka.get(name)?.updateMode !== 'read-only')
  const shown = rest.filter((name) => kafka.get(name)?.updateMode === 'read-only' && !ofBrokers.has(name))
  return [
    `### Of brokers\n\n${names.length} have an effect. “At start” is \`createCluster({ config })\` and \`--config\`, which reject every other name; “at run time” is\nAlterConfigs and IncrementalAlterConfigs.`,
    `| Config | Default | At start | At run time | |\n|---|---|---|---|---|\n${rows.join('\n')}`,
    `Accepted at start, without effect: ${listed(inert)}.`,
    `Fixed at Kafka's default; altering them has no effect: ${listed(inForce)}.`,
    `Validated, stored and described when altered, without effect: ${listed(alterable)}.`,
    `Described with the broker's own value: ${listed(ofBrokers)}. Described only, with Kafka's default: ${listed(shown)}.`,
  ].join('\n\n')
}

function topicsPart(): string {
  const effective = effectiveTopicConfigs()
  const rest = Object.keys(topicConfigs).filter((name) => !effective.has(name))
  return [
    `### Of topics\n\nAll can be set and are validated as in Kafka. These have an effect: ${listed(effective)}.`,
    `These are stored and described, without effect: ${listed(rest)}. So codecs use their own levels, replication is not\nthrottled, and there is no tiered storage (which Kafka also rejects unless brokers are configured for it).`,
  ].join('\n\n')
}

function othersPart(): string {
  const code = codeThatUses()
  const groups = [...kafkaGroupConfigs().keys()]
  const [used, unused] = [true, false].map((isUsed) => groups.filter((name) => code.includes(`'${name}'`) === isUsed))
  return [
    `### Of groups, client metrics, loggers\n\nGroups: with an effect ${listed(used ?? [])}; without ${listed(unused ?? [])}.`,
    `Client metrics are stored and described without effect, because there is no telemetry: ${listed(clientMetricsKeys.keys())}. Levels of loggers are stored and\ndescribed; nothing is logged.`,
  ].join('\n\n')
}
