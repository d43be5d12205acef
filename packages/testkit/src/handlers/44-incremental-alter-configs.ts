import { type Decoded, type Encodable, type ErrorName, IncrementalAlterConfigs } from '@ottla/codec'
import { brokerConfigs, type ConfigDefinition, isBrokerConfig, problemWith } from '../state/broker-config.ts'
import { topicConfigProblem, topicConfigs } from '../state/topic-config.ts'
import { resource } from './32-describe-configs.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

type Resource = Decoded<typeof IncrementalAlterConfigs.request>['resources'][number]
type Result = Encodable<typeof IncrementalAlterConfigs.response>['responses'][number]

interface Refusal {
  readonly error: ErrorName
  readonly message: string
}

const operation = { set: 0, delete: 1, append: 2, subtract: 3 } as const

const handle: Handler<typeof IncrementalAlterConfigs> = (context, { resources, validateOnly }) => ({
  throttleTimeMs: 0,
  responses: resources.map((wanted): Result => {
    const refusal = alter(context, wanted, validateOnly)
    const { resourceType, resourceName } = wanted
    return { errorCode: codes.of(refusal?.error), errorMessage: refusal?.message ?? null, resourceType, resourceName }
  }),
})

function alter(context: HandlerContext, wanted: Resource, validateOnly: boolean): Refusal | undefined {
  const names = wanted.configs.map(({ name }) => name)
  if (new Set(names).size < names.length) {
    return { error: 'INVALID_REQUEST', message: 'Error due to duplicate config keys' }
  }
  if (wanted.resourceType === resource.topic) return alterTopic(context, wanted, validateOnly)
  if (wanted.resourceType === resource.broker) return alterBroker(context, wanted, validateOnly)
  return { error: 'INVALID_REQUEST', message: `Unsupported resource type: ${wanted.resourceType}` }
}

function alterTopic({ cluster }: HandlerContext, wanted: Resource, validateOnly: boolean): Refusal | undefined {
  const { controller } = cluster
  const topic = controller.state.topic(wanted.resourceName)
  if (topic === undefined) {
    return { error: 'UNKNOWN_TOPIC_OR_PARTITION', message: `The topic '${wanted.resourceName}' does not exist.` }
  }
  const configs = changed(topic.configs, wanted, (name) => topicConfigs[name])
  if ('error' in configs) return configs
  for (const { name, configOperation } of wanted.configs) {
    if (configOperation === operation.delete) continue
    const problem = topicConfigProblem(name, configs.get(name) ?? null)
    if (problem !== undefined) return { error: 'INVALID_CONFIG', message: problem }
  }
  if (!validateOnly) controller.setTopicConfigs(topic, configs)
  return undefined
}

function alterBroker({ cluster }: HandlerContext, wanted: Resource, validateOnly: boolean): Refusal | undefined {
  const { controller } = cluster
  const { resourceName } = wanted
  if (resourceName !== '' && controller.state.broker(Number(resourceName)) === undefined) {
    return { error: 'INVALID_REQUEST', message: `No broker with id ${resourceName} found.` }
  }
  const definitionOf = (name: string): ConfigDefinition | undefined =>
    isBrokerConfig(name) ? brokerConfigs[name] : undefined
  for (const { name } of wanted.configs) {
    const definition = definitionOf(name)
    if (definition === undefined)
      return { error: 'INVALID_CONFIG', message: `The testkit does not know the config ${name}` }
    if (!definition.dynamic) {
      return { error: 'INVALID_REQUEST', message: `Cannot update these configs dynamically: [${name}]` }
    }
  }
  const before = controller.state.snapshot().brokerConfigs?.get(resourceName) ?? new Map<string, string>()
  const configs = changed(before, wanted, definitionOf)
  if ('error' in configs) return configs
  for (const [name, value] of configs) {
    const problem = problemWith(definitionOf(name) as ConfigDefinition, value)
    if (problem !== undefined)
      return { error: 'INVALID_REQUEST', message: `Invalid value ${value} for configuration ${name}: ${problem}` }
  }
  if (!validateOnly) controller.setBrokerConfigs(resourceName, configs)
  return undefined
}

/** The configs after all operations; only those that are lists can be appended to. */
function changed(
  before: ReadonlyMap<string, string>,
  { configs: operations }: Resource,
  definitionOf: (name: string) => ConfigDefinition | undefined,
): Map<string, string> | Refusal {
  const after = new Map(before)
  for (const { name, configOperation, value } of operations) {
    if (configOperation === operation.delete) {
      after.delete(name)
    } else if (configOperation === operation.set) {
      if (value === null) return { error: 'INVALID_REQUEST', message: `Null value not supported for : ${name}` }
      after.set(name, value)
    } else if (configOperation === operation.append || configOperation === operation.subtract) {
      const definition = definitionOf(name)
      if (definition?.type !== 'list') {
        return {
          error: 'INVALID_CONFIG',
          message: `Can't ${configOperation === operation.append ? 'APPEND' : 'SUBTRACT'} to key ${name} because its type is not LIST.`,
        }
      }
      const items = (after.get(name) ?? definition.defaultValue).split(',').filter((item) => item !== '')
      const given = (value ?? '').split(',')
      const kept = items.filter((item) => !given.includes(item))
      after.set(name, (configOperation === operation.append ? [...kept, ...given] : kept).join(','))
    } else {
      return { error: 'INVALID_REQUEST', message: `Unknown operation ${configOperation} for ${name}` }
    }
  }
  return after
}

export const incrementalAlterConfigsHandler = serves(
  IncrementalAlterConfigs,
  allVersions(IncrementalAlterConfigs),
  handle,
)
