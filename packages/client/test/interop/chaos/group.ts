import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin, AssignorName } from '../../../src/index.ts'
import { uniqueName } from '../../support/names.ts'
import type { JavaPeer, JavaReader } from '../beside-java/java-peer.ts'
import { type Mode, OttlaReader } from '../beside-java/ottla-reader.ts'
import type { Commit, Handled } from '../beside-java/reader.ts'
import type { Random } from './random.ts'
import type { GroupRecord } from './verdict.ts'

const sessionTimeoutMs = 10_000
const commitIntervalMs = 1_000
const slowShare = 0.1
const slowMs = 20

export interface GroupPlan {
  readonly name: string
  /** One of ottla's members each. */
  readonly modes: readonly Mode[]
  readonly assignors: readonly AssignorName[]
}

const javaNames: Record<AssignorName, string> = {
  range: 'RangeAssignor',
  roundrobin: 'RoundRobinAssignor',
  sticky: 'StickyAssignor',
  'cooperative-sticky': 'CooperativeStickyAssignor',
}

/** Members of ottla and one of Java's in a group, which come and go. */
export class Group {
  readonly plan: GroupPlan
  readonly groupId: string
  readonly #bootstrap: readonly string[]
  readonly #topic: string
  readonly #random: Random
  readonly #members: (OttlaReader | undefined)[] = []
  readonly #all: OttlaReader[] = []
  readonly #java: JavaReader[] = []
  readonly #observed: Commit[] = []
  readonly #values = new Set<string>()
  /** How much of each member's records is in `#values`. */
  readonly #counted = new Map<OttlaReader | JavaReader, number>()

  constructor(plan: GroupPlan, bootstrap: readonly string[], topic: string, random: Random) {
    this.plan = plan
    this.groupId = uniqueName(plan.name)
    this.#bootstrap = bootstrap
    this.#topic = topic
    this.#random = random
  }

  start(): void {
    for (const index of this.plan.modes.keys()) this.#members[index] = this.#join(index)
  }

  /** Java's member joins, after the start and whenever its program was killed. */
  startJava(peer: JavaPeer): void {
    const strategies = this.plan.assignors.map((name) => `org.apache.kafka.clients.consumer.${javaNames[name]}`)
    const joined = peer.join(
      this.groupId,
      [this.#topic],
      [
        `session.timeout.ms=${sessionTimeoutMs}`,
        `auto.commit.interval.ms=${commitIntervalMs}`,
        `partition.assignment.strategy=${strategies.join(',')}`,
        `peer.delay.ms=${slowMs * slowShare}`,
      ],
    )
    this.#java.push(joined)
  }

  #join(index: number): OttlaReader {
    const mode = this.plan.modes[index] ?? 'run'
    const { assignors } = this.plan
    const commit = { intervalMs: commitIntervalMs }
    const options = { groupId: this.groupId, topics: [this.#topic], sessionTimeoutMs, commit, assignors }
    const pause = () => (this.#random.next() < slowShare ? sleep(this.#random.between(0, slowMs)) : undefined)
    const reader = new OttlaReader(this.#bootstrap, mode, options, pause)
    this.#all.push(reader)
    return reader
  }

  /** One of ottla's members leaves or crashes, and another joins a moment later. */
  async churn(): Promise<string> {
    const index = this.#random.below(this.#members.length)
    const member = this.#members[index]
    if (member === undefined) return 'nothing'
    this.#members[index] = undefined
    const crashes = this.#random.below(2) === 0
    await (crashes ? member.crash() : member.close())
    await sleep(this.#random.between(0, 3_000))
    this.#members[index] = this.#join(index)
    return `a member of ${this.plan.name} ${crashes ? 'crashed' : 'left'}`
  }

  /** The values that were handled so far. */
  handledValues(): ReadonlySet<string> {
    for (const member of [...this.#all, ...this.#java]) {
      const { handled } = member
      for (let i = this.#counted.get(member) ?? 0; i < handled.length; i++) this.#values.add(handled[i]?.value ?? '')
      this.#counted.set(member, handled.length)
    }
    return this.#values
  }

  counts(): { handled: number; byJava: number; rebalances: number; commits: number } {
    const byJava = this.#java.reduce((sum, { handled }) => sum + handled.length, 0)
    const byOttla = this.#all.reduce((sum, { handled }) => sum + handled.length, 0)
    const commits = this.#all.reduce((sum, { tap }) => sum + tap.commits.length, 0)
    const generations = new Set(this.#all.flatMap(({ tap }) => tap.assignments.map(({ generation }) => generation)))
    return { handled: byJava + byOttla, byJava, rebalances: generations.size, commits }
  }

  /** Keeps what the coordinator has, where it changed. */
  async observe(admin: Admin): Promise<void> {
    const found = await admin.listConsumerGroupOffsets(this.groupId)
    const atMs = Date.now()
    for (const { topic, partition, offset } of found) {
      const before = this.#observed.findLast((one) => one.topic === topic && one.partition === partition)
      if (before?.offset !== Number(offset)) this.#observed.push({ topic, partition, offset: Number(offset), atMs })
    }
  }

  /** All members leave. */
  async close(): Promise<void> {
    const leaving = [...this.#members.filter((member) => member !== undefined), ...this.#java.slice(-1)]
    await Promise.all(leaving.map((member) => member.close()))
  }

  record(): GroupRecord {
    const everyone = [...this.#all, ...this.#java]
    const handled: Handled[] = everyone.flatMap((member) => member.handled)
    return {
      groupId: this.groupId,
      cooperative: !this.plan.assignors.includes('range'),
      handled,
      // From version 10 on a commit names its topic by id; there is only one here.
      written: this.#all.flatMap(({ tap }) => tap.commits.map((commit) => ({ ...commit, topic: this.#topic }))),
      confirmed: this.#java.flatMap(({ commits }) => commits),
      observed: this.#observed,
      assignments: this.#all.flatMap(({ tap }) => tap.assignments),
      failures: everyone.flatMap(({ failure, label }) => (failure === undefined ? [] : [`${label}: ${failure}`])),
    }
  }
}
