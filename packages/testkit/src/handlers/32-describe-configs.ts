import { type Decoded, DescribeConfigs, type Encodable, type ErrorName } from '@ottla/codec'
import { brokerConfigs, type ConfigDefinition, isBrokerConfig } from '../state/broker-config.ts'
import {
  brokerConfigValues,
  type ConfigValue,
  configSource,
  configType,
  topicConfigs,
  topicConfigValues,
} from '../state/topic-config.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes, topicNameProblem } from './support.ts'

type Request = Decoded<typeof DescribeConfigs.request>
type Resource = Request['resources'][number]
type Result = Encodable<typeof DescribeConfigs.response>['results'][number]
type Config = Result['configs'][number]

export const resource = { topic: 2, broker: 4 } as const

const handle: Handler<typeof DescribeConfigs> = (context, request) => ({
  throttleTimeMs: 0,
  results: request.resources.map((wanted) => describe(context, request, wanted)),
})

function describe(context: HandlerContext, request: Request, wanted: Resource): Result {
  if (wanted.resourceType === resource.topic) return describeTopic(context, request, wanted)
  if (wanted.resourceType === resource.broker) return describeBroker(context, request, wanted)
  return failed(wanted, 'INVALID_REQUEST', `Unsupported resource type: ${wanted.resourceType}`)
}

function describeTopic({ broker, cluster }: HandlerContext, request: Request, wanted: Resource): Result {
  const name = wanted.resourceName
  const problem = topicNameProblem(name)
  if (problem !== undefined) return failed(wanted, 'INVALID_TOPIC_EXCEPTION', problem)
  const topic = broker.view.topic(name)
  if (topic === undefined) return failed(wanted, 'UNKNOWN_TOPIC_OR_PARTITION', '')
  const seen = { id: broker.id, view: broker.view, config: cluster.config }
  const configs = chosen(Object.keys(topicConfigs), wanted).map((config) =>
    entry(topicConfigs[config] as ConfigDefinition, topicConfigValues(config, topic, seen), request, false),
  )
  return { errorCode: 0, errorMessage: '', resourceType: wanted.resourceType, resourceName: name, configs }
}

/** The configs of the broker that is asked, or those that all brokers have by default (an empty name). */
function describeBroker({ broker, cluster }: HandlerContext, request: Request, wanted: Resource): Result {
  const { resourceName, resourceType } = wanted
  const isDefault = resourceName === ''
  if (!isDefault && resourceName !== String(broker.id)) {
    const message = `Unexpected broker id, expected ${broker.id} or empty string, but received ${resourceName}`
    return failed(wanted, 'INVALID_REQUEST', message)
  }
  const seen = { id: isDefault ? -1 : broker.id, view: broker.view, config: cluster.config }
  const configs = chosen(Object.keys(brokerConfigs), wanted).flatMap((name) => {
    if (!isBrokerConfig(name)) return []
    const values = brokerConfigValues(name, seen)
    if (isDefault && values[0]?.source !== configSource.allBrokers) return []
    const definition: ConfigDefinition = brokerConfigs[name]
    return [entry(definition, values, request, definition.dynamic !== true)]
  })
  return { errorCode: 0, errorMessage: '', resourceType, resourceName, configs }
}

function chosen(all: readonly string[], { configurationKeys }: Resource): readonly string[] {
  return configurationKeys === null ? all : all.filter((name) => configurationKeys.includes(name))
}

function entry(
  { type }: ConfigDefinition,
  values: readonly ConfigValue[],
  { includeSynonyms }: Request,
  readOnly: boolean,
): Config {
  const [effective] = values
  return {
    name: effective?.name ?? '',
    value: effective?.value ?? null,
    readOnly,
    configSource: effective?.source ?? configSource.default,
    isSensitive: false,
    synonyms: includeSynonyms
      ? values
          .filter(({ synonym }) => synonym !== '')
          .map(({ synonym, value, source }) => ({ name: synonym, value, source }))
      : [],
    configType: configType[type],
    documentation: null,
  }
}

function failed({ resourceType, resourceName }: Resource, error: ErrorName, errorMessage: string): Result {
  return { errorCode: codes.of(error), errorMessage, resourceType, resourceName, configs: [] }
}

export const describeConfigsHandler = serves(DescribeConfigs, allVersions(DescribeConfigs), handle)
