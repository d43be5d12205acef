import {
  ConsumerGroupDescribe,
  ConsumerGroupHeartbeat,
  type Decoded,
  DescribeConfigs,
  DescribeGroups,
  type Encodable,
  errorOf,
  IncrementalAlterConfigs,
  JoinGroup,
  SyncGroup,
} from '@ottla/codec'
import type { Wire } from '../support/wire.ts'
import type { Stage } from './stage.ts'

/** An empty group on its coordinator, with a topic to read. */
export interface GroupBed {
  readonly group: string
  readonly topic: string
  readonly topicId: string
  readonly partitions: number
  /** A connection to the group's coordinator. */
  readonly on: Wire
}

const GROUP_RESOURCE = 32
const sessionTimeoutMs = 30_000
export const rebalanceTimeoutMs = 60_000

type Setup =
  | 'api'
  | 'do'
  | 'note'
  | 'until'
  | 'name'
  | 'createTopic'
  | 'topicId'
  | 'coordinator'
  | 'coordinatorId'
  | 'open'

/** A stage of any API. */
export interface AnyStage extends Pick<Stage, Setup> {
  ask(label: string, body: never, options?: { on?: Wire }): Promise<unknown>
}

export async function groupBed(stage: AnyStage, hint = 'g', partitions = 4): Promise<GroupBed> {
  const group = stage.name(hint)
  const topic = stage.name(`${hint}-t`)
  await stage.createTopic(topic, { partitions })
  const on = await ready(stage, group)
  return { group, topic, topicId: await stage.topicId(topic), partitions, on }
}

/** A connection to the group's coordinator, when it is loaded. */
export async function ready(stage: AnyStage, group: string): Promise<Wire> {
  const on = await stage.coordinator(group)
  await stage.until(`the coordinator of ${group} serves`, async () => {
    const { groups } = await stage.do(
      DescribeGroups,
      5,
      { groups: [group], includeAuthorizedOperations: false },
      { on },
    )
    return groups[0]?.errorCode === 0
  })
  return on
}

/** Disables the delay of the first assignment and the interval between assignments. */
export async function disableAssignmentDelay(
  stage: AnyStage,
  { group, on }: Pick<GroupBed, 'group' | 'on'>,
  names: readonly string[] = ['consumer.assignment.interval.ms'],
): Promise<void> {
  const resource = { resourceType: GROUP_RESOURCE, resourceName: group }
  const configs = names.map((name) => ({ name, configOperation: 0, value: '0' }))
  const { responses } = await stage.do(IncrementalAlterConfigs, 1, {
    resources: [{ ...resource, configs }],
    validateOnly: false,
  })
  // A cluster without group configs has no such interval.
  if (responses[0]?.errorCode !== 0) return
  let seen = 0
  await stage.until('the config of the group', async () => {
    const resources = [{ ...resource, configurationKeys: [...names] }]
    const asked = { resources, includeSynonyms: false, includeDocumentation: false }
    const { results } = await stage.do(DescribeConfigs, 4, asked, { on })
    // The coordinator applies the config a little later than it is described.
    if (results[0]?.configs.every(({ value }) => value === '0')) seen++
    return seen >= 10
  })
}

/** Another client's connection to the group's coordinator. */
export async function secondClient(stage: AnyStage, { group }: Pick<GroupBed, 'group'>): Promise<Wire> {
  return stage.open({ broker: await stage.coordinatorId(group), clientId: 'second' })
}

/** A broker that is not the group's coordinator. */
export async function elsewhere(stage: AnyStage, group: string): Promise<Wire> {
  const id = await stage.coordinatorId(group)
  return stage.open({ broker: id === 1 ? 2 : 1 })
}

// ---- the consumer protocol ---------------------------------------------------------------------------------------------

type Beat = Encodable<typeof ConsumerGroupHeartbeat.request>
type Beaten = Decoded<typeof ConsumerGroupHeartbeat.response>
export type Owned = readonly { readonly topicId: string; readonly partitions: readonly number[] }[]

/** A heartbeat without any change. */
export const beat = (body: Partial<Beat>): Beat => ({
  groupId: '',
  memberId: '',
  memberEpoch: 0,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: -1,
  subscribedTopicNames: null,
  subscribedTopicRegex: null,
  serverAssignor: null,
  topicPartitions: null,
  ...body,
})

interface Known {
  readonly memberId: string
  readonly instanceId: string | null
  memberEpoch: number
  owned: Owned
}

/** The members of one consumer group, with the last response to each. */
export class ConsumerScript {
  readonly bed: GroupBed
  readonly #stage: AnyStage
  readonly #members = new Map<string, Known>()

  constructor(stage: AnyStage, bed: GroupBed) {
    this.#stage = stage
    this.bed = bed
  }

  /** `label` undefined: not recorded. */
  async join(label: string | undefined, name: string, more: Partial<Beat> = {}): Promise<Beaten> {
    const { group: groupId, topic } = this.bed
    const response = await this.#send(label, {
      groupId,
      memberId: name,
      memberEpoch: 0,
      rebalanceTimeoutMs,
      subscribedTopicNames: [topic],
      topicPartitions: [],
      ...more,
    })
    const instanceId = more.instanceId ?? null
    const memberId = response.memberId ?? ''
    const known: Known = { memberId, instanceId, memberEpoch: response.memberEpoch, owned: [] }
    if (response.errorCode === 0) this.#members.set(name, known)
    this.#apply(known, response)
    return response
  }

  /** A heartbeat with the owned partitions, which are the last assignment. */
  async beat(label: string | undefined, name: string, more: Partial<Beat> = {}): Promise<Beaten> {
    const known = this.member(name)
    const response = await this.#send(label, {
      groupId: this.bed.group,
      memberId: known.memberId,
      memberEpoch: known.memberEpoch,
      instanceId: known.instanceId,
      topicPartitions: known.owned,
      ...more,
    })
    if (response.errorCode === 0) known.memberEpoch = response.memberEpoch
    this.#apply(known, response)
    return response
  }

  leave(label: string | undefined, name: string, memberEpoch = -1): Promise<Beaten> {
    const { memberId, instanceId } = this.member(name)
    return this.#send(label, { groupId: this.bed.group, memberId, memberEpoch, instanceId })
  }

  member(name: string): Known {
    const known = this.#members.get(name)
    if (known === undefined) throw new Error(`Member ${name} has not joined`)
    return known
  }

  /** Sends heartbeats of all members, without recording them, until all are in the epoch without a new assignment. */
  async settle(epoch: number, names: readonly string[] = [...this.#members.keys()]): Promise<void> {
    await this.#stage.until(`all of ${this.bed.group} in epoch ${epoch}`, async () => {
      let isQuiet = true
      for (const name of names) {
        const response = await this.beat(undefined, name)
        if (response.errorCode !== 0)
          throw new Error(`${name}: ${errorOf(response.errorCode).name} ${response.errorMessage}`)
        if (response.assignment !== null || response.memberEpoch !== epoch) isQuiet = false
      }
      return isQuiet
    })
  }

  /** Describes the group and records the response. */
  async describe(label: string): Promise<void> {
    const body = { groupIds: [this.bed.group], includeAuthorizedOperations: false }
    const { on } = this.bed
    if (this.#stage.api === ConsumerGroupDescribe) await this.#stage.ask(label, body as never, { on })
    else await this.#stage.note(label, ConsumerGroupDescribe, 1, body, { on })
  }

  #apply(known: Known, { assignment }: Beaten): void {
    if (assignment) known.owned = assignment.topicPartitions
  }

  #send(label: string | undefined, body: Partial<Beat>): Promise<Beaten> {
    const { on } = this.bed
    const whole = beat(body)
    if (label === undefined) return this.#stage.do(ConsumerGroupHeartbeat, 1, whole, { on })
    if (this.#stage.api !== ConsumerGroupHeartbeat)
      return this.#stage.note(label, ConsumerGroupHeartbeat, 1, whole, { on })
    return this.#stage.ask(label, whole as never, { on }) as Promise<Beaten>
  }
}

// ---- the classic protocol ----------------------------------------------------------------------------------------------

export interface ClassicMember {
  readonly memberId: string
  readonly generationId: number
}

/** A consumer's subscription in version 1. */
export function subscription(
  topics: readonly string[],
  owned: ReadonlyMap<string, readonly number[]> = new Map(),
): Buffer {
  const text = (value: string): Buffer => Buffer.concat([int16(value.length), Buffer.from(value)])
  const ownedTopics = [...owned].map(([topic, partitions]) =>
    Buffer.concat([text(topic), int32(partitions.length), ...partitions.map(int32)]),
  )
  return Buffer.concat([
    int16(1),
    int32(topics.length),
    ...topics.map(text),
    int32(-1),
    int32(ownedTopics.length),
    ...ownedTopics,
  ])
}

/** A leader's assignment to a consumer in version 0. */
export function assignment(topic: string, partitions: readonly number[]): Buffer {
  const name = Buffer.from(topic)
  const listed = Buffer.concat([int16(name.length), name, int32(partitions.length), ...partitions.map(int32)])
  return Buffer.concat([int16(0), int32(1), listed, int32(-1)])
}

const int16 = (value: number): Buffer => Buffer.from([(value >> 8) & 0xff, value & 0xff])
function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export interface ClassicOptions {
  readonly instanceId?: string
  readonly protocolType?: string
  readonly protocols?: readonly { readonly name: string; readonly metadata: Uint8Array }[]
  readonly sessionTimeoutMs?: number
  readonly rebalanceTimeoutMs?: number
}

export const joinBody = (
  bed: Pick<GroupBed, 'group' | 'topic'>,
  memberId: string,
  { instanceId, ...options }: ClassicOptions = {},
) => ({
  groupId: bed.group,
  sessionTimeoutMs,
  rebalanceTimeoutMs,
  memberId,
  groupInstanceId: instanceId ?? null,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: subscription([bed.topic]) }],
  reason: null,
  ...options,
})

export const syncBody = (
  bed: GroupBed,
  { memberId, generationId }: ClassicMember,
  assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[] = [],
) => ({
  groupId: bed.group,
  generationId,
  memberId,
  groupInstanceId: null,
  protocolType: 'consumer',
  protocolName: 'range',
  assignments,
})

/** The id that a new dynamic member must rejoin with. */
export async function newMemberId(stage: AnyStage, bed: GroupBed, options: ClassicOptions = {}): Promise<string> {
  const response = await stage.do(JoinGroup, 9, joinBody(bed, '', options), { on: bed.on })
  return response.memberId
}

/** The only member of a stable group, with all partitions. Not recorded. */
export async function stableAlone(
  stage: AnyStage,
  bed: GroupBed,
  options: ClassicOptions = {},
): Promise<ClassicMember> {
  const id = options.instanceId === undefined ? await newMemberId(stage, bed, options) : ''
  const { memberId, generationId } = await stage.do(JoinGroup, 9, joinBody(bed, id, options), { on: bed.on })
  const all = Array.from({ length: bed.partitions }, (_, partition) => partition)
  const assignments = [{ memberId, assignment: assignment(bed.topic, all) }]
  const body = syncBody(bed, { memberId, generationId }, assignments)
  const protocolType = options.protocolType ?? 'consumer'
  const protocolName = options.protocols?.[0]?.name ?? 'range'
  const groupInstanceId = options.instanceId ?? null
  await stage.do(SyncGroup, 5, { ...body, protocolType, protocolName, groupInstanceId }, { on: bed.on })
  return { memberId, generationId }
}
