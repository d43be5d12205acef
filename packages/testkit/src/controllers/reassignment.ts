import type { ErrorName } from '@ottla/codec'
import type { BrokerConfig } from '../state/configs/broker-config.ts'
import { topicSettings } from '../state/configs/topic-config.ts'
import type { PartitionImage, TopicImage } from '../state/metadata-view.ts'
import type { Controller } from './controller.ts'

export interface Refused {
  readonly error: ErrorName
  /** Null: the error code has no message. */
  readonly message: string | null
}

/** A reassignment in progress. */
export interface Reassignment {
  readonly partition: number
  readonly replicas: readonly number[]
  readonly adding: readonly number[]
  readonly removing: readonly number[]
}

export interface ReassignmentRequest {
  readonly topic: string
  readonly partition: number
  /** In order of preference; null cancels the reassignment in progress and removes the replicas it added. */
  readonly replicas: readonly number[] | null
  /** False: the number of replicas must not change. Default true. */
  readonly mayChangeFactor?: boolean
}

/**
 * Starts a reassignment: adds the new replicas; the old ones are removed as soon as the new ones are in sync. Returns why it
 * failed; undefined when it started.
 */
export function reassign(
  controller: Controller,
  config: BrokerConfig,
  request: ReassignmentRequest,
): Refused | undefined {
  const { topic: name, partition, replicas, mayChangeFactor = true } = request
  const topic = controller.state.topic(name)
  if (topic === undefined) return unknown(`Unable to find a topic named ${name}.`)
  const image = topic.partitions[partition]
  if (image === undefined) return unknown(`Unable to find partition ${name}:${partition}.`)
  if (replicas === null) return cancel(controller, config, topic, image)
  const problem = assignmentProblem(controller, replicas) ?? factorProblem(image, replicas, mayChangeFactor)
  if (problem !== undefined) return problem
  const removing = sorted(image.replicas.filter((id) => !replicas.includes(id)))
  const adding = sorted(replicas.filter((id) => !image.replicas.includes(id)))
  controller.changePartition(topic, partition, {
    replicas: [...replicas, ...removing],
    // As in Kafka, replicas that only an earlier reassignment adds or removes keep that state.
    ...(adding.length > 0 && { adding }),
    ...(removing.length > 0 && { removing }),
  })
  return undefined
}

function cancel(
  controller: Controller,
  config: BrokerConfig,
  topic: TopicImage,
  image: PartitionImage,
): Refused | undefined {
  const { adding = [], removing = [] } = image
  if (adding.length + removing.length === 0) return { error: 'NO_REASSIGNMENT_IN_PROGRESS', message: null }
  const replicas = image.replicas.filter((id) => !adding.includes(id))
  const isr = image.isr.filter((id) => !adding.includes(id))
  if (isr.length === 0) {
    const { uncleanLeaderElection } = topicSettings(topic, { id: -1, view: controller.state, config })
    if (!uncleanLeaderElection) {
      const where = `${topic.name}:${image.partition}`
      return invalid(
        `Unable to revert partition assignment for ${where} because it would require an unclean leader election.`,
      )
    }
    isr.push(replicas[0] as number)
  }
  controller.changePartition(topic, image.partition, { replicas, isr, adding: [], removing: [] })
  return undefined
}

/** The reassignment in progress of a partition; undefined without one. */
export function reassignmentOf(image: PartitionImage | undefined): Reassignment | undefined {
  if (image === undefined || (image.adding === undefined && image.removing === undefined)) return undefined
  const { partition, replicas, adding = [], removing = [] } = image
  return { partition, replicas, adding, removing }
}

function assignmentProblem({ state }: Controller, replicas: readonly number[]): Refused | undefined {
  const start = 'The manual partition assignment includes'
  if (replicas.length === 0) return invalid(`${start} an empty replica list.`)
  let before: number | undefined
  for (const id of sorted(replicas)) {
    if (state.broker(id) === undefined) return invalid(`${start} broker ${id}, but no such broker is registered.`)
    if (id === before) return invalid(`${start} the broker ${id} more than once.`)
    before = id
  }
  return undefined
}

function factorProblem(
  { replicas: current, adding = [] }: PartitionImage,
  replicas: readonly number[],
  mayChangeFactor: boolean,
): Refused | undefined {
  const before = current.filter((id) => !adding.includes(id)).length
  if (mayChangeFactor || replicas.length === before) return undefined
  const message = `The replication factor is changed from ${before} to ${replicas.length}`
  return { error: 'INVALID_REPLICATION_FACTOR', message }
}

function sorted(ids: readonly number[]): number[] {
  return [...ids].sort((a, b) => a - b)
}

const unknown = (message: string): Refused => ({ error: 'UNKNOWN_TOPIC_OR_PARTITION', message })
const invalid = (message: string): Refused => ({ error: 'INVALID_REPLICA_ASSIGNMENT', message })
