import { CreateTopics, type Decoded, type Encodable, type ErrorName, zeroUuid } from '@ottla/codec'
import { type MutationQuota, quotaExceeded } from '../controllers/mutation-quotas.ts'
import { shown } from '../state/configs/config-values.ts'
import { topicConfigs, topicConfigsProblem, topicConfigValues } from '../state/configs/topic-config.ts'
import { assignmentProblem, collisionOf, topicNameProblem } from '../state/topic-rules.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes, mutationQuota, oncePerName } from './support.ts'

type TopicRequest = Decoded<typeof CreateTopics.request>['topics'][number]
type TopicResponse = Encodable<typeof CreateTopics.response>['topics'][number]

interface Refusal {
  readonly error: ErrorName
  readonly message: string | null
}

const handle: Handler<typeof CreateTopics> = (context, { topics, validateOnly }) => {
  const quota = mutationQuota(context, 6)
  const responses = oncePerName(topics, ({ name }) => name).map(({ item, isRepeated }) => {
    if (isRepeated) return failed(item, { error: 'INVALID_REQUEST', message: 'Duplicate topic name.' })
    return create(context, item, { validateOnly, quota })
  })
  return { throttleTimeMs: quota.settle(), topics: responses }
}

function create(
  context: HandlerContext,
  topic: TopicRequest,
  { validateOnly, quota }: { readonly validateOnly: boolean; readonly quota: MutationQuota },
): TopicResponse {
  const { controller } = context.cluster
  const { permissions } = context
  if (!permissions.mayOnCluster('CREATE') && !permissions.may('CREATE', 'TOPIC', topic.name)) {
    return failed(topic, { error: 'TOPIC_AUTHORIZATION_FAILED', message: 'Authorization failed.' })
  }
  const refusal = nameRefusal(context, topic.name) ?? configRefusal(topic)
  if (refusal !== undefined) return failed(topic, refusal)
  const assignment = topic.assignments.length > 0 ? givenAssignment(context, topic) : newAssignment(context, topic)
  if ('error' in assignment) return failed(topic, assignment)
  if (!quota.take(assignment.length)) return failed(topic, quotaExceeded)
  const configs = new Map(
    topic.configs.map(({ name, value }) => [name, shown(topicConfigs[name]?.type ?? 'string', value ?? '')]),
  )
  const topicId = validateOnly
    ? controller.newTopicId()
    : controller.createTopic({ name: topic.name, assignment, configs }).id
  const created = { name: topic.name, topicId, errorCode: 0, errorMessage: null }
  // Without DESCRIBE_CONFIGS the response only reports that the topic was created.
  if (!permissions.may('DESCRIBE_CONFIGS', 'TOPIC', topic.name)) {
    const topicConfigErrorCode = context.apiVersion >= 5 ? codes.of('TOPIC_AUTHORIZATION_FAILED') : 0
    return { ...created, topicConfigErrorCode, configs: [] }
  }
  return {
    ...created,
    numPartitions: assignment.length,
    replicationFactor: assignment[0]?.length ?? -1,
    configs: describeConfigs(context, new Map(topic.configs.map(({ name, value }) => [name, value ?? '']))),
  }
}

function nameRefusal({ cluster }: HandlerContext, name: string): Refusal | undefined {
  const problem = topicNameProblem(name)
  if (problem !== undefined) return { error: 'INVALID_TOPIC_EXCEPTION', message: problem }
  const { state } = cluster.controller
  if (state.topic(name) !== undefined)
    return { error: 'TOPIC_ALREADY_EXISTS', message: `Topic '${name}' already exists.` }
  const collision = collisionOf(name, state.topics())
  if (collision === undefined) return undefined
  return { error: 'INVALID_TOPIC_EXCEPTION', message: `Topic '${name}' collides with existing topic: ${collision}` }
}

function configRefusal({ configs }: TopicRequest): Refusal | undefined {
  const problem = topicConfigsProblem(new Map(configs.map(({ name, value }) => [name, value])))
  return problem === undefined ? undefined : { error: 'INVALID_CONFIG', message: problem }
}

function newAssignment({ cluster }: HandlerContext, topic: TopicRequest): number[][] | Refusal {
  const { config, controller } = cluster
  const { numPartitions, replicationFactor } = topic
  if (numPartitions < -1 || numPartitions === 0) {
    return { error: 'INVALID_PARTITIONS', message: 'Number of partitions was set to an invalid non-positive value.' }
  }
  if (replicationFactor < -1 || replicationFactor === 0) {
    return {
      error: 'INVALID_REPLICATION_FACTOR',
      message: 'Replication factor must be larger than 0, or -1 to use the default value.',
    }
  }
  const count = numPartitions === -1 ? config.number('num.partitions') : numPartitions
  const factor = replicationFactor === -1 ? config.number('default.replication.factor') : replicationFactor
  const alive = controller.placeableBrokers().length
  if (factor > alive) {
    const why =
      alive === 0
        ? 'All brokers are currently fenced, or have all their log directories cordoned.'
        : `The target replication factor of ${factor} cannot be reached because only ${alive} broker(s) are registered or some brokers have all their log directories cordoned.`
    const message = `Unable to replicate the partition ${factor} time(s): ${why}`
    return { error: 'INVALID_REPLICATION_FACTOR', message }
  }
  return controller.assign(count, factor)
}

function givenAssignment({ cluster }: HandlerContext, topic: TopicRequest): readonly (readonly number[])[] | Refusal {
  const refuse = (error: ErrorName, message: string): Refusal => ({ error, message })
  if (topic.replicationFactor !== -1) {
    const message = 'A manual partition assignment was specified, but replication factor was not set to -1.'
    return refuse('INVALID_REQUEST', message)
  }
  if (topic.numPartitions !== -1) {
    const message = 'A manual partition assignment was specified, but numPartitions was not set to -1.'
    return refuse('INVALID_REQUEST', message)
  }
  const indexes = topic.assignments.map(({ partitionIndex }) => partitionIndex)
  const repeated = indexes.find((index, at) => indexes.indexOf(index) !== at)
  if (repeated !== undefined) {
    const message = `Found multiple manual partition assignments for partition ${repeated}`
    return refuse('INVALID_REPLICA_ASSIGNMENT', message)
  }
  const ordered = [...topic.assignments].sort((a, b) => a.partitionIndex - b.partitionIndex)
  const isConsecutive = ordered.every(({ partitionIndex }, index) => partitionIndex === index)
  if (!isConsecutive) {
    return refuse('INVALID_REPLICA_ASSIGNMENT', 'partitions should be a consecutive 0-based integer sequence')
  }
  const assignment = ordered.map(({ brokerIds }) => brokerIds)
  const problem = assignmentProblem(assignment, cluster.controller.state)
  return problem === undefined ? assignment : refuse('INVALID_REPLICA_ASSIGNMENT', problem)
}

function describeConfigs({ broker, cluster }: HandlerContext, configs: ReadonlyMap<string, string>) {
  const seen = { id: broker.id, view: cluster.controller.state, config: cluster.config }
  return Object.keys(topicConfigs).map((name) => {
    const effective = topicConfigValues(name, { configs }, seen)[0]
    return {
      name,
      // Values of the request are returned unchanged.
      value: configs.get(name) ?? effective?.value ?? null,
      readOnly: false,
      configSource: effective?.source ?? -1,
      isSensitive: false,
    }
  })
}

function failed({ name }: TopicRequest, { error, message }: Refusal): TopicResponse {
  return { name, topicId: zeroUuid, errorCode: codes.of(error), errorMessage: message, configs: [] }
}

export const createTopicsHandler = serves(CreateTopics, allVersions(CreateTopics), handle)
