import {
  alterConfigs,
  type ConfigChange,
  type ConfigError,
  changed,
  configOperation,
  configResource,
} from '../controllers/configs.ts'
import { brokerConfigsProblem } from '../state/configs/broker-config-rules.ts'
import { kafkaBrokerConfigs } from '../state/configs/config-table.ts'
import type { HandlerContext } from './handler.ts'
import { codes } from './support.ts'

/** One resource of AlterConfigs or IncrementalAlterConfigs. */
export interface WantedChange {
  readonly resourceType: number
  readonly resourceName: string
  readonly changes: readonly ConfigChange[]
}

const refuse = (error: ConfigError['error'], message: string | null): ConfigError => ({ error, message })

/** The results of all resources: this broker checks them first, then the controller decides. */
export function alterAll(
  context: HandlerContext,
  wanted: readonly WantedChange[],
  how: { readonly validateOnly: boolean; readonly replacesAll: boolean },
) {
  const times = new Map<string, number>()
  const keyOf = ({ resourceType, resourceName }: WantedChange) => `${resourceType} ${resourceName}`
  for (const each of wanted) times.set(keyOf(each), (times.get(keyOf(each)) ?? 0) + 1)
  return wanted.map((each) => {
    const isRepeated = (times.get(keyOf(each)) ?? 0) > 1
    const refusal = isRepeated
      ? refuse('INVALID_REQUEST', 'Each resource must appear at most once.')
      : alter(context, each, how)
    const { resourceType, resourceName } = each
    return { errorCode: codes.of(refusal?.error), errorMessage: refusal?.message ?? null, resourceType, resourceName }
  })
}

function alter(
  context: HandlerContext,
  wanted: WantedChange,
  { validateOnly, replacesAll }: { readonly validateOnly: boolean; readonly replacesAll: boolean },
): ConfigError | undefined {
  const { resourceType, resourceName, changes } = wanted
  const names = changes.map(({ name }) => name)
  if (new Set(names).size < names.length) return refuse('INVALID_REQUEST', 'Error due to duplicate config keys')
  const nulls = changes.filter(({ operation, value }) => value === null && operation !== configOperation.delete)
  if (nulls.length > 0) {
    const list = nulls.map(({ name }) => name).join(', ')
    return refuse('INVALID_REQUEST', `Null value not supported for : ${list}`)
  }
  switch (resourceType) {
    case configResource.topic:
    case configResource.group:
    case configResource.clientMetrics:
      break
    case configResource.broker: {
      const refusal = brokerRefusal(context, wanted, replacesAll)
      if (refusal !== undefined) return refusal
      break
    }
    case configResource.brokerLogger:
      if (!replacesAll) return alterLoggers(context, wanted, validateOnly)
      return refuse('INVALID_REQUEST', `Unknown resource type ${resourceType}`)
    default:
      return refuse('INVALID_REQUEST', `Unknown resource type ${resourceType}`)
  }
  return alterConfigs(context.cluster, { resourceType, resourceName, changes, replacesAll }, validateOnly)
}

/** A broker validates changes of its own and of the cluster-wide configs before it forwards them. */
function brokerRefusal(
  { broker, cluster }: HandlerContext,
  wanted: WantedChange,
  replacesAll: boolean,
): ConfigError | undefined {
  const { resourceName, changes, resourceType } = wanted
  if (resourceName !== '') {
    const problem = nodeProblem(resourceName, broker.id, `Unexpected broker id, expected ${broker.id}, but`)
    if (problem !== undefined) return problem
  }
  for (const { name, operation } of replacesAll ? [] : changes) {
    if (operation < configOperation.set || operation > configOperation.subtract) {
      return refuse('INVALID_REQUEST', `Unknown operations type ${operation}`)
    }
    if (operation !== configOperation.append && operation !== configOperation.subtract) continue
    const key = kafkaBrokerConfigs().get(name)
    if (key === undefined) return refuse('INVALID_CONFIG', `Unknown config name: ${name}`)
    if (key.type === 'list') continue
    const what = operation === configOperation.append ? 'append' : 'subtract'
    return refuse('INVALID_CONFIG', `Config value ${what} is not allowed for config key: ${name}`)
  }
  const before = broker.view.areas.brokerConfigs.get(resourceName) ?? new Map<string, string>()
  const after = changed(replacesAll ? new Map() : before, { resourceType, resourceName, changes, replacesAll })
  if ('error' in after) return after
  const problem = brokerConfigsProblem(after, cluster.config, resourceName !== '')
  return problem === undefined ? undefined : refuse('INVALID_REQUEST', problem)
}

function nodeProblem(name: string, brokerId: number, unexpected: string): ConfigError | undefined {
  if (!/^[+-]?\d+$/.test(name)) {
    return refuse('INVALID_REQUEST', `Node id must be an integer, but it is: ${name}`)
  }
  return Number(name) === brokerId ? undefined : refuse('INVALID_REQUEST', `${unexpected} received ${name}`)
}

function alterLoggers(
  { broker }: HandlerContext,
  { resourceName, changes }: WantedChange,
  validateOnly: boolean,
): ConfigError | undefined {
  const { loggers } = broker.services
  const problem = nodeProblem(resourceName, broker.id, `Unexpected node id. Expected ${broker.id}, but`)
  if (problem !== undefined) return problem
  for (const { name, operation, value } of changes) {
    if (operation === configOperation.set) {
      const levelProblem = loggers.problemWith(name, value ?? '')
      if (levelProblem !== undefined) return refuse('INVALID_CONFIG', levelProblem)
    } else if (operation === configOperation.delete) {
      if (!loggers.has(name)) return refuse('INVALID_CONFIG', `Logger ${name} does not exist!`)
      if (name === 'root') return refuse('INVALID_REQUEST', 'Removing the log level of the root logger is not allowed')
    } else {
      const what = operation === configOperation.append ? 'APPEND' : 'SUBTRACT'
      return refuse('INVALID_REQUEST', `${what} operation is not allowed for the BROKER_LOGGER resource`)
    }
  }
  if (validateOnly) return undefined
  for (const { name, operation, value } of changes) {
    loggers.set(name, operation === configOperation.set ? (value ?? undefined) : undefined)
  }
  return undefined
}
