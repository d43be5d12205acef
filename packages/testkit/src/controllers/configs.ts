import type { ErrorName } from '@ottla/codec'
import type { BrokerConfig } from '../state/configs/broker-config.ts'
import { kafkaBrokerConfigs, kafkaGroupConfigs } from '../state/configs/config-table.ts'
import { shown } from '../state/configs/config-values.ts'
import { clientMetricsProblem, groupConfigsProblem } from '../state/configs/group-config-rules.ts'
import { withConfigs } from '../state/configs/resource-configs.ts'
import { topicConfigs, topicConfigsProblem } from '../state/configs/topic-config.ts'
import { topicNameProblem } from '../state/topic-rules.ts'
import type { Controller } from './controller.ts'

export interface ConfigError {
  readonly error: ErrorName
  /** Null: like Kafka's unexpected failures. */
  readonly message: string | null
}

export const configResource = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const

export const configOperation = { set: 0, delete: 1, append: 2, subtract: 3 } as const

export interface ConfigChange {
  readonly name: string
  readonly operation: number
  readonly value: string | null
}

export interface ResourceChange {
  readonly resourceType: number
  readonly resourceName: string
  readonly changes: readonly ConfigChange[]
  /** AlterConfigs: configs that are not listed are deleted. */
  readonly replacesAll: boolean
}

/** The parts of a cluster that decide about configs. */
export interface ConfiguredCluster {
  readonly controller: Controller
  /** Static broker configs. */
  readonly config: BrokerConfig
}

type Values = ReadonlyMap<string, string>

const invalidConfig = (message: string): ConfigError => ({ error: 'INVALID_CONFIG', message })
const invalidRequest = (message: string): ConfigError => ({ error: 'INVALID_REQUEST', message })

/** The controller's decision on one resource; after an error the resource is unchanged. */
export function alterConfigs(
  cluster: ConfiguredCluster,
  change: ResourceChange,
  validateOnly: boolean,
): ConfigError | undefined {
  const { resourceType, resourceName } = change
  const { controller } = cluster
  const before = currentConfigs(cluster, resourceType, resourceName)
  const after = change.replacesAll ? replaced(change) : changed(before, change)
  if ('error' in after) return after
  const refusal = refusalOf(cluster, change, { before, after })
  if (refusal !== undefined || validateOnly) return refusal
  const kept = new Map(Array.from(after, ([name, value]) => [name, keptValue(resourceType, name, value)]))
  if (resourceType === configResource.topic) {
    const topic = controller.state.topic(resourceName)
    if (topic !== undefined) controller.setTopicConfigs(topic, kept)
  } else if (resourceType === configResource.broker) controller.setBrokerConfigs(resourceName, kept)
  else {
    const kind = resourceType === configResource.group ? 'groups' : 'clientMetrics'
    controller.decide({
      resourceConfigs: withConfigs(controller.state.areas.resourceConfigs, kind, resourceName, kept),
    })
  }
  return undefined
}

const none: Values = new Map()

function currentConfigs({ controller }: Pick<ConfiguredCluster, 'controller'>, type: number, name: string): Values {
  const { state } = controller
  if (type === configResource.topic) return state.topic(name)?.configs ?? none
  if (type === configResource.broker) return state.areas.brokerConfigs.get(name) ?? none
  const { groups, clientMetrics } = state.areas.resourceConfigs
  return (type === configResource.group ? groups : clientMetrics).get(name) ?? none
}

function refusalOf(
  { controller, config }: ConfiguredCluster,
  { resourceType, resourceName, changes, replacesAll }: ResourceChange,
  { before, after }: { readonly before: Values; readonly after: Values },
): ConfigError | undefined {
  switch (resourceType) {
    case configResource.topic: {
      if (resourceName === '') return invalidRequest('Default topic resources are not allowed.')
      const nameProblem = topicNameProblem(resourceName)
      if (nameProblem !== undefined) return { error: 'INVALID_TOPIC_EXCEPTION', message: nameProblem }
      const problem = topicConfigsProblem(after)
      if (problem !== undefined) return invalidConfig(problem)
      if (controller.state.topic(resourceName) !== undefined) return undefined
      return { error: 'UNKNOWN_TOPIC_OR_PARTITION', message: `The topic '${resourceName}' does not exist.` }
    }
    case configResource.broker:
      return minInsyncRefusal(resourceName, { changes, replacesAll, before })
    case configResource.group:
      if (resourceName === '') return invalidRequest('Default group resources are not allowed.')
      return groupConfigsProblem(after, config)
    default:
      return clientMetricsProblem(resourceName, after)
  }
}

/** With eligible leader replicas enabled, min.insync.replicas must be the same on all brokers. */
function minInsyncRefusal(
  brokerId: string,
  { changes, replacesAll }: Pick<ResourceChange, 'changes' | 'replacesAll'> & { readonly before: Values },
): ConfigError | undefined {
  const name = 'min.insync.replicas'
  const change = changes.find((each) => each.name === name)
  if (brokerId !== '') {
    const isAltered = change !== undefined
    return isAltered ? invalidConfig(`Broker-level ${name} cannot be altered while ELR is enabled.`) : undefined
  }
  const isRemoved = change === undefined ? replacesAll : change.operation === configOperation.delete
  return isRemoved ? invalidConfig(`Cluster-level ${name} cannot be removed while ELR is enabled.`) : undefined
}

function replaced({ changes }: ResourceChange): Map<string, string> {
  return new Map(changes.map(({ name, value }) => [name, value ?? '']))
}

/** The configs after all operations; only list configs support append and subtract. */
export function changed(before: Values, { resourceType, changes }: ResourceChange): Map<string, string> | ConfigError {
  const after = new Map(before)
  for (const { name, operation, value } of changes) {
    if (operation === configOperation.delete) after.delete(name)
    else if (operation === configOperation.set) after.set(name, value ?? '')
    else if (operation === configOperation.append || operation === configOperation.subtract) {
      const isAppend = operation === configOperation.append
      const initial = listDefault(resourceType, name)
      if (initial === undefined) {
        const message = `Can't ${isAppend ? 'APPEND' : 'SUBTRACT'} to key ${name} because its type is not LIST.`
        return invalidConfig(message)
      }
      const items = (after.get(name) ?? initial).split(',').filter((item) => item !== '')
      const given = (value ?? '').split(',')
      const added = given.filter((item, at) => !items.includes(item) && given.indexOf(item) === at)
      after.set(name, (isAppend ? [...items, ...added] : items.filter((item) => !given.includes(item))).join(','))
    } else return { error: 'UNKNOWN_SERVER_ERROR', message: null }
  }
  return after
}

/** Undefined for configs that are no list. The controller has only the list configs of topics and brokers. */
function listDefault(resourceType: number, name: string): string | undefined {
  const key =
    resourceType === configResource.topic
      ? Object.hasOwn(topicConfigs, name)
        ? topicConfigs[name]
        : undefined
      : resourceType === configResource.broker
        ? kafkaBrokerConfigs().get(name)
        : undefined
  return key?.type === 'list' ? (key.defaultValue ?? '') : undefined
}

function keptValue(resourceType: number, name: string, value: string): string {
  if (resourceType === configResource.broker) return value
  if (resourceType === configResource.topic) return shown(topicConfigs[name]?.type ?? 'string', value)
  if (resourceType === configResource.group) return shown(kafkaGroupConfigs().get(name)?.type ?? 'string', value)
  return shown(name === 'interval.ms' ? 'int' : 'list', value)
}
