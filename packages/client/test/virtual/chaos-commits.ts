import type { Decoded, OffsetCommit } from '@ottla/codec'
import type { Fault, GroupStatus, TestCluster } from '@ottla/testkit'
import type { TopicPartition } from '../../src/index.ts'
import type { CommitOrigin } from './chaos-host.ts'
import type { ChaosLogs } from './chaos-logs.ts'

type Request = Decoded<typeof OffsetCommit.request>
type OnCommit = (member: string, at: TopicPartition, offset: number, origin: CommitOrigin) => void

interface Sender {
  readonly name: string
  /** It has the protocol of KIP-848. */
  readonly hasEpochs: boolean
  /** When it sent the commit that arrives now. */
  commitSentAtMs(): number
}

const groupId = 'g'
const readsAfterMs = [5, 20, 60, 300, 2_000]

/** The commits of the group as they arrive at brokers, and its offsets as the coordinator stores them. */
export class ChaosCommits {
  /** When the coordinator last accepted a commit. */
  lastAtMs = 0
  readonly #cluster: TestCluster
  readonly #logs: ChaosLogs
  readonly #onCommit: OnCommit
  readonly #rules = new Set<Fault>()
  /** The partitions with a commit, and what the group had before it: perhaps the offset of a deleted topic of that name. */
  readonly #before = new Map<string, number | undefined>()
  /** By topic id and partition: a coordinator that is down cannot be read. */
  readonly #last = new Map<string, number>()

  constructor(cluster: TestCluster, logs: ChaosLogs, onCommit: OnCommit) {
    this.#cluster = cluster
    this.#logs = logs
    this.#onCommit = onCommit
  }

  /** Sees the commits of a member, whose name is its client id: a rule that matches none of them. */
  watch(member: Sender): void {
    const when = (request: Request) => {
      this.#arrived(member, request)
      return false
    }
    const match = { api: 'OffsetCommit', client: member.name, when } as const
    this.#rules.add(this.#cluster.faults.add({ match, trigger: 'always', action: 'close' }))
  }

  isWatch(rule: Fault): boolean {
    return this.#rules.has(rule)
  }

  /** The group's offset of a partition. */
  committed({ topic, partition }: TopicPartition): number | undefined {
    this.#read()
    return this.#last.get(`${this.#logs.idOf(topic)}/${partition}`)
  }

  /** The coordinator's term, when it has a member with this client id and holds no joins: then sessions expire. */
  memberTerm(clientId: string): string | undefined {
    const group = this.#logs.group(groupId)
    const isMember = group?.members.some((one) => one.clientId === clientId) ?? false
    return isMember && group?.state === 'Stable' ? `${this.#logs.coordinatorTerm()} ${group.generation}` : undefined
  }

  #read(): GroupStatus | undefined {
    const group = this.#logs.group(groupId)
    for (const { topic, partition, offset } of group?.offsets ?? []) {
      const place = `${this.#logs.idOf(topic)}/${partition}`
      if (!this.#before.has(place) || this.#before.get(place) === Number(offset)) continue
      this.#before.set(place, undefined)
      this.#last.set(place, Number(offset))
    }
    return group
  }

  #arrived(sender: Sender, request: Request): void {
    this.#check(sender, request, sender.commitSentAtMs())
    // A coordinator that stores the commit and then dies cannot be read any more.
    for (const ms of readsAfterMs) this.#cluster.runtime.setTimer(() => this.#read(), ms)
  }

  /** Passes on what the coordinator accepts: commits of the current generation that are not between join and sync. */
  #check(sender: Sender, { memberId, generationIdOrMemberEpoch, topics }: Request, sentAtMs: number): void {
    const group = this.#read()
    const member = group?.members.find((one) => one.memberId === memberId)
    if (group === undefined || member === undefined || group.state === 'CompletingRebalance') return
    // A member with epochs may also commit with an earlier one, for partitions that it already had.
    const isEarlier = sender.hasEpochs && generationIdOrMemberEpoch > 0 && generationIdOrMemberEpoch < member.epoch
    if (!isEarlier && generationIdOrMemberEpoch !== member.epoch) return
    this.lastAtMs = this.#cluster.virtual?.nowMs ?? 0
    // A cooperative member gives a partition up after it got the assignment without it.
    const others = group.members.filter((one) => one !== member).flatMap((one) => one.partitions)
    for (const { name: named, topicId, partitions } of topics) {
      const topic = named === '' ? this.#logs.nameOf(topicId) : named
      if (topic === undefined) continue
      for (const { partitionIndex: partition, committedOffset } of partitions) {
        if (partition >= this.#logs.partitionCount(topic)) continue
        const isHere = (one: TopicPartition) => one.topic === topic && one.partition === partition
        const isOwner = !others.some(isHere)
        const place = `${this.#logs.idOf(topic)}/${partition}`
        if (!this.#before.has(place)) this.#before.set(place, offsetOf(group.offsets.find(isHere)))
        // The same number as that of the topic before.
        if (this.#before.get(place) === Number(committedOffset)) this.#before.set(place, undefined)
        this.#onCommit(sender.name, { topic, partition }, Number(committedOffset), { isOwner, sentAtMs })
      }
    }
  }
}

function offsetOf(found: { readonly offset: bigint } | undefined): number | undefined {
  return found && Number(found.offset)
}
