import { CreatePartitions, type Decoded, type Encodable, type ErrorName } from '@ottla/codec'
import { type MutationQuota, quotaExceeded } from '../controllers/mutation-quotas.ts'
import { assignmentProblem } from '../state/topic-rules.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes, mutationQuota, oncePerName } from './support.ts'

type TopicRequest = Decoded<typeof CreatePartitions.request>['topics'][number]
type TopicResponse = Encodable<typeof CreatePartitions.response>['results'][number]

const handle: Handler<typeof CreatePartitions> = (context, { topics, validateOnly }) => {
  const quota = mutationQuota(context, 3)
  const results = oncePerName(topics, ({ name }) => name).map(({ item, isRepeated }) => {
    if (isRepeated) return failed(item, 'INVALID_REQUEST', 'Duplicate topic name.')
    return extend(context, item, { validateOnly, quota })
  })
  return { throttleTimeMs: quota.settle(), results }
}

function extend(
  { cluster }: HandlerContext,
  request: TopicRequest,
  { validateOnly, quota }: { readonly validateOnly: boolean; readonly quota: MutationQuota },
): TopicResponse {
  const { controller } = cluster
  const topic = controller.state.topic(request.name)
  if (topic === undefined) return failed(request, 'UNKNOWN_TOPIC_OR_PARTITION', null)
  const now = topic.partitions.length
  const added = request.count - now
  if (added < 0) {
    const message = `The topic ${request.name} currently has ${now} partition(s); ${request.count} would not be an increase.`
    return failed(request, 'INVALID_PARTITIONS', message)
  }
  if (added === 0) return failed(request, 'INVALID_PARTITIONS', `Topic already has ${now} partition(s).`)
  const replicationFactor = topic.partitions[0]?.replicas.length ?? 1
  if (request.assignments === null && replicationFactor > controller.placeableBrokers().length) {
    return failed(request, 'INVALID_REPLICATION_FACTOR', `there are fewer than ${replicationFactor} live brokers`)
  }
  const given = request.assignments?.map(({ brokerIds }) => brokerIds)
  if (given !== undefined) {
    const problem =
      given.length === added
        ? assignmentProblem(given, controller.state, replicationFactor)
        : `Attempted to add ${added} additional partition(s), but only ${given.length} assignment(s) were specified.`
    if (problem !== undefined) return failed(request, 'INVALID_REPLICA_ASSIGNMENT', problem)
  }
  if (!quota.take(added)) return failed(request, quotaExceeded.error, quotaExceeded.message)
  if (!validateOnly) controller.addPartitions(topic, given ?? controller.assign(added, replicationFactor))
  return { name: request.name, errorCode: 0, errorMessage: null }
}

function failed({ name }: TopicRequest, error: ErrorName, errorMessage: string | null): TopicResponse {
  return { name, errorCode: codes.of(error), errorMessage }
}

export const createPartitionsHandler = serves(CreatePartitions, allVersions(CreatePartitions), handle)
