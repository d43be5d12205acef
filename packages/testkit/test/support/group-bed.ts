import { type ErrorName, errorOf } from '@ottla/codec'
import type {
  JoinGroupBody,
  JoinGroupResponse,
  SyncGroupResponse,
} from '../../src/state/coordinators/classic-protocol.ts'
import type { CoordinatorLog, WriteHandlers } from '../../src/state/coordinators/coordinator-log.ts'
import type { CoordinatorRecord } from '../../src/state/coordinators/coordinator-record.ts'
import { defaultGroupConfig, type GroupConfig } from '../../src/state/coordinators/group-config.ts'
import { heartbeat, joinGroup, leaveGroup, syncGroup } from '../../src/state/group-coordinator/classic-requests.ts'
import { GroupCoordinatorShard } from '../../src/state/group-coordinator/group-coordinator-shard.ts'
import { commitOffsets, type OffsetCommitBody, type TopicResult } from '../../src/state/offsets/offset-commit.ts'
import { type FetchedTopic, fetchOffsets } from '../../src/state/offsets/offset-fetch.ts'
import { FakeClock } from './fake-clock.ts'

interface Pending {
  readonly handlers: WriteHandlers
}

/** A log whose writes are committed immediately or by the test. */
class FakeGroupLog implements CoordinatorLog {
  readonly records: CoordinatorRecord[] = []
  readonly pending: Pending[] = []
  /** Writes wait for `commit()`. */
  isSlow = false
  /** The next writes are rejected with this error. */
  refusal: ErrorName | undefined

  write(records: readonly CoordinatorRecord[], handlers: WriteHandlers): void {
    if (this.refusal && records.length > 0) {
      handlers.done(this.refusal)
      return
    }
    this.records.push(...records)
    handlers.appended?.()
    if (this.isSlow && (records.length > 0 || this.pending.length > 0)) this.pending.push({ handlers })
    else this.#commit(handlers)
  }

  catchUp(): void {}

  commit(count = this.pending.length): void {
    for (const { handlers } of this.pending.splice(0, count)) this.#commit(handlers)
  }

  /** All pending writes fail, although they may be in the log. */
  fail(error: ErrorName): void {
    for (const { handlers } of this.pending.splice(0)) handlers.done(error)
  }

  #commit(handlers: WriteHandlers): void {
    handlers.committed?.()
    handlers.done(undefined)
  }
}

export type Named<A> = Omit<A, 'errorCode'> & { readonly error: ErrorName }

/** A response that may come later. */
export interface Response<A> {
  /** Undefined while it is held. */
  readonly value: Named<A> | undefined
}

function capture<A extends { errorCode?: number | undefined }>(
  run: (respond: (response: A) => void) => void,
): Response<A> {
  const state: { value: Named<A> | undefined } = { value: undefined }
  run((response) => {
    if (state.value) throw new Error('Responded twice')
    const { errorCode: code, ...rest } = response
    state.value = { ...rest, error: errorOf(code ?? 0).name }
  })
  return state
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data)

/** The bytes of a consumer's subscription in version 0. */
export function subscription(...topics: string[]): Uint8Array {
  const names = topics.flatMap((topic) => [0, topic.length, ...bytes(topic)])
  return new Uint8Array([0, 0, 0, 0, 0, topics.length, ...names, 0xff, 0xff, 0xff, 0xff])
}

/** A shard with classic groups on a fake clock and a fake log, and short methods for the requests of members. */
export class GroupBed {
  readonly clock = new FakeClock()
  readonly log = new FakeGroupLog()
  readonly shard: GroupCoordinatorShard

  constructor(config: Partial<GroupConfig> = {}) {
    this.shard = new GroupCoordinatorShard({
      runtime: this.clock,
      log: this.log,
      config: { ...defaultGroupConfig, ...config },
    })
  }

  group(groupId = 'g') {
    const group = this.shard.classicGroups.get(groupId)
    if (!group) throw new Error(`No group ${groupId}`)
    return group
  }

  join(
    memberId: string,
    options: Partial<JoinGroupBody> = {},
    apiVersion = 9,
    clientId = 'app',
  ): Response<JoinGroupResponse> {
    const body: JoinGroupBody = {
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      memberId,
      groupInstanceId: null,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: subscription('t') }],
      reason: null,
      ...options,
    }
    const client = { clientId, clientHost: '/127.0.0.1', apiVersion }
    return capture((respond) => joinGroup(this.shard, body, client, respond))
  }

  /** The id that a new dynamic member must rejoin with. */
  newMemberId(options: Partial<JoinGroupBody> = {}): string {
    const response = this.join('', options)
    if (response.value?.error !== 'MEMBER_ID_REQUIRED') throw new Error(`Joined with ${response.value?.error}`)
    return response.value.memberId
  }

  sync(memberId: string, generationId: number, assignments: Record<string, string> = {}): Response<SyncGroupResponse> {
    const body = {
      groupId: 'g',
      generationId,
      memberId,
      groupInstanceId: null,
      protocolType: null,
      protocolName: null,
      assignments: Object.entries(assignments).map(([id, what]) => ({ memberId: id, assignment: bytes(what) })),
    }
    return capture((respond) => syncGroup(this.shard, body, respond))
  }

  heartbeat(memberId: string, generationId: number, groupInstanceId: string | null = null): ErrorName | undefined {
    return heartbeat(this.shard, { groupId: 'g', generationId, memberId, groupInstanceId })
  }

  leave(memberId: string, groupInstanceId: string | null = null): ErrorName {
    const [result] = leaveGroup(this.shard, 'g', [{ memberId, groupInstanceId, reason: null }])
    return errorOf(result?.errorCode ?? -1).name
  }

  commit(
    offset: bigint,
    options: Partial<OffsetCommitBody> = {},
    apiVersion = 9,
  ): { value: TopicResult[] | undefined } {
    const state: { value: TopicResult[] | undefined } = { value: undefined }
    const partition = { partitionIndex: 0, committedOffset: offset, committedLeaderEpoch: 3, committedMetadata: 'm' }
    const body: OffsetCommitBody = {
      groupId: 'g',
      generationIdOrMemberEpoch: -1,
      memberId: '',
      groupInstanceId: null,
      retentionTimeMs: -1n,
      topics: [{ name: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partitions: [partition] }],
      ...options,
    }
    commitOffsets(this.shard, body, apiVersion, (topics) => {
      state.value = [...topics]
    })
    return state
  }

  /** The first partition's result of a commit. */
  commitError(offset: bigint, options: Partial<OffsetCommitBody> = {}, apiVersion = 9): ErrorName | undefined {
    const code = this.commit(offset, options, apiVersion).value?.[0]?.partitions[0]?.errorCode
    return code === undefined ? undefined : errorOf(code).name
  }

  /** The committed offset of t-0; undefined while the response is held. */
  offset(requireStable = false): bigint | ErrorName | undefined {
    const state: { value: ErrorName | readonly FetchedTopic[] | undefined } = { value: undefined }
    const topics = [{ name: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partitionIndexes: [0] }]
    fetchOffsets(this.shard, 'g', topics, requireStable, (result) => {
      state.value = result
    })
    return typeof state.value === 'object' ? state.value[0]?.partitions[0]?.committedOffset : state.value
  }

  /** A stable group with `count` members; the first is the leader. */
  stable(count: number): { readonly ids: string[]; readonly generation: number } {
    const ids = Array.from({ length: count }, () => this.newMemberId())
    const joins = ids.map((id) => this.join(id))
    this.clock.advance(this.shard.config.initialRebalanceDelayMs)
    const generation = joins[0]?.value?.generationId ?? -1
    const assignments = Object.fromEntries(ids.map((id, i) => [id, `part-${i}`]))
    for (const id of ids) this.sync(id, generation, id === ids[0] ? assignments : {})
    return { ids, generation }
  }

  /** A new coordinator that loads the log. */
  reloaded(config: Partial<GroupConfig> = {}): GroupBed {
    const bed = new GroupBed(config)
    bed.clock.nowMs = this.clock.nowMs
    for (const record of this.log.records) bed.shard.replayRecord(record)
    return bed
  }
}
