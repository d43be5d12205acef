import { type Decoded, type Encodable, StreamsGroupDescribe, StreamsGroupHeartbeat } from '@ottla/codec'
import { type AnyStage, disableAssignmentDelay, type GroupBed, groupBed, rebalanceTimeoutMs } from './groups.ts'

type Beat = Encodable<typeof StreamsGroupHeartbeat.request>
type Beaten = Decoded<typeof StreamsGroupHeartbeat.response>
type Topology = NonNullable<Beat['topology']>
export type Subtopology = Topology['subtopologies'][number]
type Tasks = readonly { readonly subtopologyId: string; readonly partitions: readonly number[] }[]

export const topicInfo = (name: string, partitions = 0) => ({
  name,
  partitions,
  replicationFactor: 1,
  topicConfigs: [{ key: 'cleanup.policy', value: 'compact' }],
})

export const subtopology = (subtopologyId: string, more: Partial<Subtopology>): Subtopology => ({
  subtopologyId,
  sourceTopics: [],
  sourceTopicRegex: [],
  stateChangelogTopics: [],
  repartitionSinkTopics: [],
  repartitionSourceTopics: [],
  copartitionGroups: [],
  ...more,
})

export const streamsBeat = (body: Partial<Beat>): Beat => ({
  groupId: '',
  memberId: 'm',
  memberEpoch: 0,
  endpointInformationEpoch: 0,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: -1,
  topology: null,
  activeTasks: null,
  standbyTasks: null,
  warmupTasks: null,
  processId: null,
  userEndpoint: null,
  clientTags: null,
  taskOffsets: null,
  taskEndOffsets: null,
  shutdownApplication: false,
  ...body,
})

interface Known {
  memberEpoch: number
  active: Tasks
}

/** The members of one streams group, with the last response to each. */
export class StreamsScript {
  readonly bed: GroupBed
  readonly #stage: AnyStage
  readonly #topology: Topology
  readonly #members = new Map<string, Known>()

  constructor(stage: AnyStage, bed: GroupBed, subtopologies: readonly Subtopology[]) {
    this.#stage = stage
    this.bed = bed
    this.#topology = { epoch: 1, subtopologies }
  }

  static async open(stage: AnyStage, hint: string, partitions = 4, more: Partial<Subtopology> = {}) {
    const bed = await groupBed(stage, hint, partitions)
    await disableAssignmentDelay(stage, bed, ['streams.assignment.interval.ms', 'streams.initial.rebalance.delay.ms'])
    return new StreamsScript(stage, bed, [subtopology('0', { sourceTopics: [bed.topic], ...more })])
  }

  async join(label: string | undefined, memberId: string, more: Partial<Beat> = {}): Promise<Beaten> {
    const none = { activeTasks: [], standbyTasks: [], warmupTasks: [] }
    const join = { memberId, memberEpoch: 0, rebalanceTimeoutMs, topology: this.#topology, processId: memberId }
    const response = await this.send(label, { ...join, ...none, ...more })
    if (response.errorCode === 0) {
      this.#members.set(memberId, { memberEpoch: response.memberEpoch, active: response.activeTasks ?? [] })
    }
    return response
  }

  /** A heartbeat with the owned tasks, which are the last assignment. */
  async beat(label: string | undefined, memberId: string, more: Partial<Beat> = {}): Promise<Beaten> {
    const known = this.member(memberId)
    const owned = { activeTasks: known.active, standbyTasks: [], warmupTasks: [] }
    const response = await this.send(label, { memberId, memberEpoch: known.memberEpoch, ...owned, ...more })
    if (response.errorCode === 0) known.memberEpoch = response.memberEpoch
    if (response.activeTasks !== null) known.active = response.activeTasks
    return response
  }

  member(memberId: string): Known {
    const known = this.#members.get(memberId)
    if (known === undefined) throw new Error(`Member ${memberId} has not joined`)
    return known
  }

  /** Sends heartbeats, without recording them, until the members are in the epoch and no topic is missing. */
  async settle(epoch: number, memberIds: readonly string[]): Promise<void> {
    await this.#stage.until(`all of ${this.bed.group} in epoch ${epoch}`, async () => {
      let isQuiet = true
      for (const memberId of memberIds) {
        const { memberEpoch, activeTasks, status, errorCode } = await this.beat(undefined, memberId)
        if (errorCode !== 0) throw new Error(`error ${errorCode}`)
        if (memberEpoch !== epoch || activeTasks !== null || (status?.length ?? 0) > 0) isQuiet = false
      }
      return isQuiet
    })
  }

  async describe(label: string): Promise<void> {
    const body = { groupIds: [this.bed.group], includeAuthorizedOperations: false }
    const { on } = this.bed
    if (this.#stage.api === StreamsGroupDescribe) await this.#stage.ask(label, body as never, { on })
    else await this.#stage.note(label, StreamsGroupDescribe, 0, body, { on })
  }

  send(label: string | undefined, body: Partial<Beat>): Promise<Beaten> {
    const { on, group } = this.bed
    const whole = streamsBeat({ groupId: group, ...body })
    if (label === undefined) return this.#stage.do(StreamsGroupHeartbeat, 0, whole, { on })
    if (this.#stage.api !== StreamsGroupHeartbeat)
      return this.#stage.note(label, StreamsGroupHeartbeat, 0, whole, { on })
    return this.#stage.ask(label, whole as never, { on }) as Promise<Beaten>
  }
}
