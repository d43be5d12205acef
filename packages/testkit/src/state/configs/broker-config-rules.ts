import { type BrokerConfig, isBrokerConfig } from './broker-config.ts'
import { kafkaBrokerConfigs } from './config-table.ts'
import { valueProblem } from './config-values.ts'

/** Security configs that can be changed per listener only. */
const isListenerSecurity = (name: string) => name.startsWith('ssl.') && name !== 'ssl.client.auth'

/** Thread pools, whose size may at most double or halve in one change. */
const threadPools = new Set([
  'background.threads',
  'num.io.threads',
  'num.network.threads',
  'num.recovery.threads.per.data.dir',
  'num.replica.fetchers',
])

const listenerPrefix = /^listener\.name\.[^.]*\.(.*)$/

/** `listener.name.x.ssl.keystore.type` is ssl.keystore.type of one listener. */
export const baseName = (name: string) => listenerPrefix.exec(name)?.[1] ?? name

/** Why a set of dynamic broker configs is invalid, in Kafka's words; undefined when it is valid. */
export function brokerConfigsProblem(
  configs: ReadonlyMap<string, string>,
  config: BrokerConfig,
  perBroker: boolean,
): string | undefined {
  const table = kafkaBrokerConfigs()
  const modeOf = (name: string) => table.get(name)?.updateMode
  const named = (names: readonly string[], problem: string) =>
    names.length === 0 ? undefined : `${problem}: [${names.join(', ')}]`
  const names = [...configs.keys()]
  const problem =
    named(
      names.filter((name) => modeOf(name) === 'read-only'),
      'Cannot update these configs dynamically',
    ) ??
    named(
      names.filter((name) => isListenerSecurity(name) && table.has(name)),
      'These security configs can be dynamically updated only per-listener using the listener prefix',
    ) ??
    typesProblem(configs)
  if (problem !== undefined) return problem
  const onlyPerBroker = names.filter((name) => modeOf(name) === 'per-broker' || listenerPrefix.test(name))
  if (!perBroker && onlyPerBroker.length > 0) {
    return named(onlyPerBroker, 'Cannot update these configs at default cluster level, broker id must be specified')
  }
  return meaningProblem(configs, config)
}

function typesProblem(configs: ReadonlyMap<string, string>): string | undefined {
  for (const [name, value] of configs) {
    const key = kafkaBrokerConfigs().get(baseName(name))
    const problem = key && valueProblem(baseName(name), key, value)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** The problems Kafka finds by applying the values on trial. */
function meaningProblem(given: ReadonlyMap<string, string>, config: BrokerConfig): string | undefined {
  const configs = new Map(Array.from(given, ([name, value]) => [name, value.trim()]))
  const wrapped = (why: string) =>
    `Invalid value org.apache.kafka.common.config.ConfigException: ${why} for configuration Invalid dynamic configuration`
  const required = (why: string) => `requirement failed: ${why}`
  if (configs.get('log.retention.ms') === '0') {
    return required('log.retention.ms must be unlimited (-1) or, greater than or equal to 1')
  }
  if (configs.get('max.connections.per.ip') === '0' && !configs.has('max.connections.per.ip.overrides')) {
    const exception =
      'max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.'
    return required(exception)
  }
  const overrides = configs.get('max.connections.per.ip.overrides')
  if (overrides !== undefined && overrides !== '' && !overrides.includes(':')) {
    const where = `begin 0, end -1, length ${overrides.length}`
    return `Error parsing configuration property 'max.connections.per.ip.overrides': ${where}`
  }
  for (const [name, value] of configs) {
    const now = Number(staticBrokerConfig(config, name) ?? 0)
    if (threadPools.has(name) && (Number(value) > now * 2 || Number(value) < now / 2)) {
      const limit =
        Number(value) > now
          ? `should not be greater than double the current value ${now}`
          : `should be at least half the current value ${now}`
      return wrapped(`Dynamic thread count update validation failed for ${name}=${value}, value ${limit}`)
    }
    if (name === 'log.cleaner.threads' && Number(value) > now * 2) {
      return wrapped(`Log cleaner threads cannot be increased to more than double the current value ${now}`)
    }
    if (name === 'max.connection.creation.rate' && value === '0') return wrapped(`Invalid ${name} 0`)
  }
  return localRetentionProblem(configs, wrapped)
}

function localRetentionProblem(
  configs: ReadonlyMap<string, string>,
  wrapped: (why: string) => string,
): string | undefined {
  const local = Number(configs.get('log.local.retention.ms') ?? -2)
  const all = Number(configs.get('log.retention.ms') ?? 604_800_000)
  if (local === -2 || all === -1 || local <= all) return undefined
  const why = `Value must not be more than log.retention.ms property value: ${all}`
  return wrapped(`Invalid value ${local} for configuration log.local.retention.ms: ${why}`)
}

/** A broker's static config: from the options, or the testkit's default, or Kafka's. */
export function staticBrokerConfig(config: BrokerConfig, name: string): string | null {
  if (isBrokerConfig(name)) return config.text(name)
  return kafkaBrokerConfigs().get(name)?.defaultValue ?? null
}
