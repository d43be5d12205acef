import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin, AssignorName } from '../../../src/index.ts'
import { uniqueName } from '../../support/names.ts'
import type { JavaPeer, JavaReader } from '../beside-java/java-peer.ts'
import { type Mode, OttlaReader } from '../beside-java/ottla-reader.ts'
import type { OwnedSpan } from '../beside-java/owned-spans.ts'
import type { Commit, Handled } from '../beside-java/reader.ts'
import { gapsOf, handledWithoutOwning } from './ownership.ts'
import type { Random } from './random.ts'
import type { GroupRecord } from './verdict.ts'

const sessionTimeoutMs = 6_000
const heartbeatIntervalMs = 2_000
const rebalanceTimeoutMs = 10_000
const commitIntervalMs = 1_000
/** Beyond session and rebalance, until a partition has an owner again. */
const slackMs = 5_000
const slowShare = 0.1
const slowMs = 20

export interface GroupPlan {
  readonly name: string
  /** One of ottla's members each. */
  readonly modes: readonly Mode[]
  /** Of the members; undefined: the brokers assign (KIP-848). */
  readonly assignors?: readonly AssignorName[]
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
  #changes = 0
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

  /** With KIP-848 the brokers decide about sessions. */
  async configure(peer: JavaPeer): Promise<void> {
    if (this.plan.assignors !== undefined) return
    const configs = [
      `consumer.session.timeout.ms=${sessionTimeoutMs}`,
      `consumer.heartbeat.interval.ms=${heartbeatIntervalMs}`,
    ]
    await peer.configure(this.groupId, configs)
  }

  /** Java's member joins, after the start and whenever its program was killed. */
  startJava(peer: JavaPeer): void {
    const general = [
      `auto.commit.interval.ms=${commitIntervalMs}`,
      `max.poll.interval.ms=${rebalanceTimeoutMs}`,
      `peer.delay.ms=${slowMs * slowShare}`,
    ]
    const joined = peer.join(this.groupId, [this.#topic], [...general, ...javaProtocol(this.plan)])
    if (this.#java.length > 0) this.#changes += 2
    this.#java.push(joined)
  }

  #join(index: number): OttlaReader {
    const mode = this.plan.modes[index] ?? 'run'
    const { assignors } = this.plan
    const commit = { intervalMs: commitIntervalMs }
    const general = { groupId: this.groupId, topics: [this.#topic], commit, rebalanceTimeoutMs }
    const protocol = assignors === undefined ? ({ protocol: 'consumer' } as const) : { assignors, heartbeatIntervalMs }
    const options = { ...general, sessionTimeoutMs, ...protocol }
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
    this.#changes += 2
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

  /** Members that came, left or died. */
  get changes(): number {
    return this.#changes
  }

  /** The longest time in which a partition had no owner. */
  get longestGapMs(): number {
    return gapsOf(this.#spans())[0]?.ms ?? 0
  }

  #spans(): OwnedSpan[] {
    return [...this.#all, ...this.#java].flatMap(({ spans }) => spans.all)
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
    const spans = this.#spans()
    const { assignors } = this.plan
    return {
      groupId: this.groupId,
      hasGenerations: assignors !== undefined,
      cooperative: assignors?.includes('range') === false,
      spans,
      strays: everyone.flatMap((member) => handledWithoutOwning(spans, member.handled, member.spans.member)),
      longestAllowedMs: sessionTimeoutMs + rebalanceTimeoutMs + slackMs,
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

function javaProtocol({ assignors }: GroupPlan): string[] {
  // With this protocol Java's automatic commits may contain records that its poll has returned but the application has not handled.
  if (assignors === undefined) return ['group.protocol=consumer', 'enable.auto.commit=false']
  const strategies = assignors.map((name) => `org.apache.kafka.clients.consumer.${javaNames[name]}`)
  return [
    `session.timeout.ms=${sessionTimeoutMs}`,
    `heartbeat.interval.ms=${heartbeatIntervalMs}`,
    `partition.assignment.strategy=${strategies.join(',')}`,
  ]
}
