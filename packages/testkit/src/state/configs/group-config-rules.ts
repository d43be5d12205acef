import type { BrokerConfig } from './broker-config.ts'
import { staticBrokerConfig } from './broker-config-rules.ts'
import { clientMetricsKeys, kafkaGroupConfigs } from './config-table.ts'
import { listOf, valueProblem } from './config-values.ts'

export interface ConfigRefusal {
  readonly error: 'INVALID_CONFIG' | 'INVALID_REQUEST'
  readonly message: string
}

/** Group configs that are limited by two broker configs, whose names are derived from the group config's. */
const bounded: readonly { readonly name: string; readonly bounds: readonly ('min' | 'max')[] }[] = [
  { name: 'consumer.heartbeat.interval.ms', bounds: ['min', 'max'] },
  { name: 'consumer.session.timeout.ms', bounds: ['min', 'max'] },
  { name: 'consumer.assignment.interval.ms', bounds: ['min', 'max'] },
  { name: 'share.heartbeat.interval.ms', bounds: ['min', 'max'] },
  { name: 'share.session.timeout.ms', bounds: ['min', 'max'] },
  { name: 'share.assignment.interval.ms', bounds: ['min', 'max'] },
  { name: 'share.record.lock.duration.ms', bounds: ['min', 'max'] },
  { name: 'share.delivery.count.limit', bounds: ['min', 'max'] },
  { name: 'share.partition.max.record.locks', bounds: ['min', 'max'] },
  { name: 'streams.heartbeat.interval.ms', bounds: ['min', 'max'] },
  { name: 'streams.session.timeout.ms', bounds: ['min', 'max'] },
  { name: 'streams.assignment.interval.ms', bounds: ['min', 'max'] },
  { name: 'streams.num.standby.replicas', bounds: ['max'] },
]

/** `group.consumer.min.session.timeout.ms` for consumer.session.timeout.ms. */
function boundName(name: string, bound: 'min' | 'max'): string {
  const [kind = '', ...rest] = name.split('.')
  const what = rest.join('.').replace(/^num\./, '')
  return `group.${kind}.${bound}.${what}`
}

/** Why a group's configs are invalid; undefined when they are valid. */
export function groupConfigsProblem(
  configs: ReadonlyMap<string, string>,
  config: BrokerConfig,
): ConfigRefusal | undefined {
  const invalid = (message: string): ConfigRefusal => ({ error: 'INVALID_CONFIG', message })
  const table = kafkaGroupConfigs()
  for (const name of configs.keys()) if (!table.has(name)) return invalid(`Unknown group config name: ${name}`)
  for (const [name, value] of configs) {
    const key = table.get(name)
    const problem = key && valueProblem(name, key, value)
    if (problem !== undefined) return invalid(problem)
  }
  const number = (name: string) => Number(configs.get(name) ?? table.get(name)?.defaultValue)
  for (const { name, bounds } of bounded) {
    if (!configs.has(name)) continue
    for (const bound of bounds) {
      const other = boundName(name, bound)
      const limit = Number(staticBrokerConfig(config, other))
      if (bound === 'min' && number(name) < limit) return invalid(`${name} must be greater than or equal to ${other}`)
      if (bound === 'max' && number(name) > limit) return invalid(`${name} must be less than or equal to ${other}`)
    }
  }
  for (const kind of ['consumer', 'share', 'streams']) {
    const [session, heartbeat] = [`${kind}.session.timeout.ms`, `${kind}.heartbeat.interval.ms`]
    if (number(session) <= number(heartbeat)) return invalid(`${session} must be greater than ${heartbeat}`)
  }
  return undefined
}

const clientProperties = new Set([
  'client_instance_id',
  'client_id',
  'client_software_name',
  'client_software_version',
  'client_source_address',
  'client_source_port',
])

/** Why the configs of a client metrics subscription are invalid; undefined when they are valid. */
export function clientMetricsProblem(name: string, configs: ReadonlyMap<string, string>): ConfigRefusal | undefined {
  const refuse = (error: ConfigRefusal['error'], message: string): ConfigRefusal => ({ error, message })
  if (name === '') return refuse('INVALID_REQUEST', "Subscription name can't be empty")
  for (const key of configs.keys()) {
    if (!clientMetricsKeys.has(key)) return refuse('INVALID_REQUEST', `Unknown client metrics configuration: ${key}`)
  }
  const interval = configs.get('interval.ms')
  if (interval !== undefined) {
    const problem = valueProblem('interval.ms', { type: 'int' }, interval)
    if (problem !== undefined) return refuse('INVALID_CONFIG', problem)
    if (Number(interval) < 100 || Number(interval) > 3_600_000) {
      const message = `Invalid value ${Number(interval)} for interval.ms, interval must be between 100 and 3600000 (1 hour)`
      return refuse('INVALID_REQUEST', message)
    }
  }
  const wrong = listOf(configs.get('match') ?? '').find((pattern) => !isMatch(pattern))
  return wrong === undefined ? undefined : refuse('INVALID_CONFIG', `Illegal client matching pattern: ${wrong}`)
}

function isMatch(pattern: string): boolean {
  const [name = '', expression, ...more] = pattern.split('=')
  if (expression === undefined || expression === '' || more.length > 0 || !clientProperties.has(name.trim()))
    return false
  try {
    new RegExp(expression.trim())
    return true
  } catch {
    return false
  }
}
