import type { Decoded, OffsetCommit } from '@ottla/codec'
import type { Fault, TestCluster } from '@ottla/testkit'
import type { TopicPartition } from '../../src/index.ts'
import type { ChaosLogs } from './chaos-logs.ts'

type Request = Decoded<typeof OffsetCommit.request>
type OnCommit = (member: string, at: TopicPartition, offset: number, isOwner: boolean) => void

const groupId = 'g'
const readsAfterMs = [5, 20, 60, 300, 2_000]

/** The commits of the group as they arrive at brokers, and its offsets as the coordinator stores them. */
export class ChaosCommits {
  readonly rule: Fault
  /** When the coordinator last accepted a commit. */
  lastAtMs = 0
  readonly #cluster: TestCluster
  readonly #logs: ChaosLogs
  readonly #onCommit: OnCommit
  /** By topic id and partition: a coordinator that is down cannot be read. */
  readonly #last = new Map<string, number>()

  constructor(cluster: TestCluster, logs: ChaosLogs, onCommit: OnCommit) {
    this.#cluster = cluster
    this.#logs = logs
    this.#onCommit = onCommit
    const when = (request: Request) => {
      this.#arrived(request)
      return false
    }
    this.rule = cluster.faults.add({ match: { api: 'OffsetCommit', when }, trigger: 'always', action: 'close' })
  }

  /** The group's offset of a partition. */
  committed({ topic, partition }: TopicPartition): number | undefined {
    this.#read()
    return this.#last.get(`${this.#logs.idOf(topic)}/${partition}`)
  }

  #read() {
    const group = this.#logs.group(groupId)
    for (const { topic, partition, offset } of group?.offsets ?? [])
      this.#last.set(`${this.#logs.idOf(topic)}/${partition}`, Number(offset))
    return group
  }

  #arrived(request: Request): void {
    this.#check(request)
    // A coordinator that stores the commit and then dies cannot be read any more.
    for (const ms of readsAfterMs) this.#cluster.runtime.setTimer(() => this.#read(), ms)
  }

  /** Passes on what the coordinator accepts: commits of the current generation that are not between join and sync. */
  #check({ memberId, generationIdOrMemberEpoch, topics }: Request): void {
    const group = this.#read()
    const member = group?.members.find((one) => one.memberId === memberId)
    if (group === undefined || member === undefined || group.state === 'CompletingRebalance') return
    if (group.generation !== generationIdOrMemberEpoch) return
    this.lastAtMs = this.#cluster.virtual?.nowMs ?? 0
    for (const { name, topicId, partitions } of topics) {
      const topic = name === '' ? this.#logs.nameOf(topicId) : name
      if (topic === undefined) continue
      for (const { partitionIndex: partition, committedOffset } of partitions) {
        if (partition >= this.#logs.partitionCount(topic)) continue
        // A cooperative member gives a partition up after it got the assignment without it.
        const others = group.members.filter((one) => one !== member).flatMap((one) => one.partitions)
        const isOwner = !others.some((one) => one.topic === topic && one.partition === partition)
        this.#onCommit(member.clientId, { topic, partition }, Number(committedOffset), isOwner)
      }
    }
  }
}
