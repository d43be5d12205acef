import { type Decoded, DescribeConfigs, type Encodable, type ErrorName } from '@ottla/codec'
import { configResource } from '../controllers/configs.ts'
import { baseName } from '../state/configs/broker-config-rules.ts'
import { configDocs, type DocumentedResource } from '../state/configs/config-docs.ts'
import {
  type ConfigKey,
  type ConfigTable,
  clientMetricsKeys,
  kafkaBrokerConfigs,
  kafkaGroupConfigs,
} from '../state/configs/config-table.ts'
import { type ConfigLimits, shown } from '../state/configs/config-values.ts'
import { clientMetricsConfigs, groupConfigs } from '../state/configs/resource-configs.ts'
import {
  brokerConfigValues,
  type ConfigObserver,
  type ConfigValue,
  configSource,
  configType,
  topicConfigs,
  topicConfigValues,
} from '../state/configs/topic-config.ts'
import { topicNameProblem } from '../state/topic-rules.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

type Request = Decoded<typeof DescribeConfigs.request>
type Resource = Request['resources'][number]
type Result = Encodable<typeof DescribeConfigs.response>['results'][number]
type Config = Result['configs'][number]

/** A config with its values, the most specific first. */
interface Shown {
  readonly name: string
  /** Undefined: a config that Kafka does not define. Its value is hidden. */
  readonly type: ConfigLimits['type'] | undefined
  readonly readOnly: boolean
  readonly values: readonly ConfigValue[]
}

/** Configs of replication throttles, which Kafka shows only when they are set. */
const hiddenUnlessSet = /throttled\.rate$|^replica\.alter\.log\.dirs\.io\.max\.bytes\.per\.second$/

const unspecific =
  'This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs for more details.'

const handle: Handler<typeof DescribeConfigs> = (context, request) => {
  const known: readonly number[] = Object.values(configResource)
  const isReadable = request.resources.every(({ resourceType }) => known.includes(resourceType))
  return {
    throttleTimeMs: 0,
    results: request.resources.map((wanted) =>
      isReadable ? describe(context, request, wanted) : failed(wanted, 'INVALID_REQUEST', unspecific),
    ),
  }
}

function describe(context: HandlerContext, request: Request, wanted: Resource): Result {
  switch (wanted.resourceType) {
    case configResource.topic:
      return describeTopic(context, request, wanted)
    case configResource.broker:
      return describeBroker(context, request, wanted)
    case configResource.brokerLogger:
      return describeLoggers(context, wanted)
    case configResource.group:
      return describeGroup(context, request, wanted)
    default:
      return describeClientMetrics(context, request, wanted)
  }
}

const observer = ({ broker, cluster }: HandlerContext): ConfigObserver => ({
  id: broker.id,
  view: broker.view,
  config: cluster.config,
})

function describeTopic(context: HandlerContext, request: Request, wanted: Resource): Result {
  const name = wanted.resourceName
  const problem = topicNameProblem(name)
  if (problem !== undefined) return failed(wanted, 'INVALID_TOPIC_EXCEPTION', problem)
  const topic = context.broker.view.topic(name)
  if (topic === undefined) return failed(wanted, 'UNKNOWN_TOPIC_OR_PARTITION', '')
  const seen = observer(context)
  const all = chosen(Object.keys(topicConfigs), wanted).map((config) => ({
    name: config,
    type: topicConfigs[config]?.type,
    readOnly: false,
    values: topicConfigValues(config, topic, seen),
  }))
  return found(wanted, request, all)
}

/** The configs of this broker, or with an empty name the cluster-wide defaults. */
function describeBroker(context: HandlerContext, request: Request, wanted: Resource): Result {
  const { broker } = context
  const isDefault = wanted.resourceName === ''
  if (!isDefault) {
    const unexpected = `Unexpected broker id, expected ${broker.id} or empty string, but received`
    const problem = brokerIdProblem(wanted, broker.id, unexpected)
    if (problem !== undefined) return problem
  }
  const seen = { ...observer(context), id: isDefault ? -1 : broker.id }
  const table = kafkaBrokerConfigs()
  const set = ['', ...(isDefault ? [] : [String(broker.id)])].flatMap((id) => [
    ...(broker.view.areas.brokerConfigs.get(id)?.keys() ?? []),
  ])
  const names = new Set([...table.keys(), ...set])
  const all = chosen([...names], wanted).flatMap((name): Shown[] => {
    const key = table.get(baseName(name))
    const values = [...ownValues(name, broker), ...brokerConfigValues(name, seen)]
    if (isDefault && values[0]?.source !== configSource.allBrokers) return []
    if (hiddenUnlessSet.test(name) && !set.includes(name)) return []
    const readOnly = key === undefined || key.updateMode === 'read-only'
    const isLeftOut = ({ source }: ConfigValue) =>
      isDefault ? source !== configSource.allBrokers : hiddenUnlessSet.test(name) && source === configSource.default
    return [{ name, type: key?.type, readOnly, values: values.filter((value) => !isLeftOut(value)) }]
  })
  return found(wanted, request, all)
}

/** The broker's own static configs. */
function ownValues(name: string, { id, rack }: HandlerContext['broker']): ConfigValue[] {
  const value = name === 'node.id' || name === 'broker.id' ? String(id) : name === 'broker.rack' ? rack : null
  return value === null ? [] : [{ name, synonym: name, value, source: configSource.static }]
}

function describeGroup(context: HandlerContext, request: Request, wanted: Resource): Result {
  const { resourceName } = wanted
  if (resourceName === '') return failed(wanted, 'INVALID_REQUEST', 'Group name must not be empty')
  const seen = observer(context)
  const set = groupConfigs(context.broker.view.areas.resourceConfigs, resourceName)
  const values = ({ name, defaultValue }: ConfigKey): ConfigValue[] => {
    const synonym = `group.${name}`
    if (kafkaBrokerConfigs().has(synonym)) return brokerConfigValues(synonym, seen).map((each) => ({ ...each, name }))
    return [{ name, synonym: name, value: defaultValue ?? null, source: configSource.default }]
  }
  return found(
    wanted,
    request,
    resourceConfigs(kafkaGroupConfigs(), wanted, { set, source: configSource.group, values }),
  )
}

function describeClientMetrics({ broker }: HandlerContext, request: Request, wanted: Resource): Result {
  const { resourceName } = wanted
  if (resourceName === '') {
    return failed(wanted, 'INVALID_REQUEST', 'Client metrics subscription name must not be empty')
  }
  const set = clientMetricsConfigs(broker.view.areas.resourceConfigs, resourceName)
  const values = ({ name, defaultValue }: ConfigKey) => [
    { name, synonym: '', value: defaultValue ?? null, source: configSource.default },
  ]
  const source = configSource.clientMetrics
  return found(
    wanted,
    request,
    resourceConfigs(clientMetricsKeys, wanted, { set, source, values }).map((each) => {
      // Defaults of a subscription have no synonyms.
      const isSet = each.values[0]?.source === source
      return isSet ? { ...each, values: each.values.slice(0, 1) } : each
    }),
  )
}

/** The configs of a named resource: its own values before the defaults. */
function resourceConfigs(
  table: ConfigTable,
  wanted: Resource,
  {
    set,
    source,
    values,
  }: {
    readonly set: ReadonlyMap<string, string>
    readonly source: number
    readonly values: (key: ConfigKey) => readonly ConfigValue[]
  },
): Shown[] {
  return chosen([...table.keys()], wanted).map((name) => {
    const key = table.get(name) as ConfigKey
    const own = set.get(name)
    const first = own === undefined ? [] : [{ name, synonym: name, value: own, source }]
    return { name, type: key.type, readOnly: false, values: [...first, ...values(key)] }
  })
}

function describeLoggers({ broker }: HandlerContext, wanted: Resource): Result {
  if (wanted.resourceName === '') return failed(wanted, 'INVALID_REQUEST', 'Broker id must not be empty')
  const problem = brokerIdProblem(wanted, broker.id, `Unexpected broker id, expected ${broker.id} but received`)
  if (problem !== undefined) return problem
  const levels = broker.services.loggers.all()
  const configs = chosen([...levels.keys()], wanted).map((name) => ({
    name,
    value: levels.get(name) ?? null,
    readOnly: false,
    configSource: configSource.logger,
    isSensitive: false,
    synonyms: [],
    configType: configType.unknown,
    documentation: '',
  }))
  const { resourceType, resourceName } = wanted
  return { errorCode: 0, errorMessage: '', resourceType, resourceName, configs }
}

function brokerIdProblem(wanted: Resource, brokerId: number, unexpected: string): Result | undefined {
  const { resourceName } = wanted
  if (!/^[+-]?\d+$/.test(resourceName)) {
    return failed(wanted, 'INVALID_REQUEST', `Broker id must be an integer, but it is: ${resourceName}`)
  }
  if (Number(resourceName) === brokerId) return undefined
  return failed(wanted, 'INVALID_REQUEST', `${unexpected} ${resourceName}`)
}

/** An empty list of names selects all configs, as null does. */
function chosen(all: readonly string[], { configurationKeys: wanted }: Resource): readonly string[] {
  return wanted === null || wanted.length === 0 ? all : all.filter((name) => wanted.includes(name))
}

/** The resources whose configs are documented, by Kafka's numbers. */
const documented: ReadonlyMap<number, DocumentedResource> = new Map([
  [configResource.topic, 'topic'],
  [configResource.broker, 'broker'],
  [configResource.group, 'group'],
  [configResource.clientMetrics, 'clientMetrics'],
])

function found({ resourceType, resourceName }: Resource, request: Request, all: readonly Shown[]): Result {
  const resource = request.includeDocumentation ? documented.get(resourceType) : undefined
  const docs = resource && configDocs(resource)
  const configs = all.map((each) => ({ ...entry(each, request), documentation: docs?.get(each.name) ?? null }))
  return { errorCode: 0, errorMessage: '', resourceType, resourceName, configs }
}

function entry({ name, type, readOnly, values }: Shown, { includeSynonyms }: Request): Omit<Config, 'documentation'> {
  const isSensitive = type === undefined || type === 'password'
  const [effective] = values
  const named = includeSynonyms ? values.filter(({ synonym }) => synonym !== '') : []
  return {
    name,
    value: isSensitive ? null : shownValue(type, effective?.value ?? null),
    readOnly,
    configSource: effective?.source ?? configSource.default,
    isSensitive,
    synonyms: named.map(({ synonym, value, source }) => ({ name: synonym, value: isSensitive ? null : value, source })),
    configType: type === undefined ? configType.unknown : configType[type],
  }
}

const shownValue = (type: ConfigLimits['type'], value: string | null) => (value === null ? null : shown(type, value))

function failed({ resourceType, resourceName }: Resource, error: ErrorName, errorMessage: string): Result {
  return { errorCode: codes.of(error), errorMessage, resourceType, resourceName, configs: [] }
}

export const describeConfigsHandler = serves(DescribeConfigs, allVersions(DescribeConfigs), handle)
