import { describe, expect, test } from 'vitest'
import { type Job, type JobContext, Kafka, type ShareConsumer, silentLogger } from '../../src/index.ts'
import { sleep } from '../../src/runtime/wait.ts'
import { crashable } from '../support/crash.ts'
import type { Scenario } from '../support/on-testkit.ts'
import { onShareGroup, type Sharing } from '../support/sharing.ts'
import { ChaosRandom } from '../virtual/chaos-random.ts'

const partitions = 2

/** What the members of a group did to each record, and what that violates. */
class Model {
  readonly problems: string[] = []
  readonly #holders = new Map<string, Member>()
  readonly #accepted = new Set<string>()
  readonly #rejected = new Set<string>()
  /** It is not known whether the broker applied it. */
  readonly #unknown = new Set<string>()
  produced = 0

  get done(): number {
    return new Set([...this.#accepted, ...this.#rejected, ...this.#unknown]).size
  }

  begin(member: Member, job: Job): void {
    const key = keyOf(job)
    const holder = this.#holders.get(key)
    if (holder !== undefined && holder !== member) this.problems.push(`${member.name} and ${holder.name} have ${key}`)
    if (this.#accepted.has(key)) this.problems.push(`${member.name} received ${key}, which is accepted`)
    if (this.#rejected.has(key)) this.problems.push(`${member.name} received ${key}, which is rejected`)
    this.#holders.set(key, member)
  }

  /** The member decides, or has lost the lock. */
  leave(member: Member, job: Job): void {
    if (this.#holders.get(keyOf(job)) === member) this.#holders.delete(keyOf(job))
  }

  crashed(member: Member): void {
    for (const [key, holder] of this.#holders) if (holder === member) this.#holders.delete(key)
  }

  /** Locks do not survive their leader: members with a record of the partition do not know it yet. */
  leaderLost(partition: number): void {
    for (const key of this.#holders.keys()) if (key.startsWith(`${partition}:`)) this.#holders.delete(key)
  }

  decided(job: Job, kind: 'accept' | 'reject'): void {
    const set = kind === 'accept' ? this.#accepted : this.#rejected
    if (this.#accepted.has(keyOf(job)) || this.#rejected.has(keyOf(job)))
      this.problems.push(`${keyOf(job)} was decided twice`)
    set.add(keyOf(job))
  }

  unknown(job: Job): void {
    this.#unknown.add(keyOf(job))
  }
}

const keyOf = ({ partition, offset }: Job) => `${partition}:${offset}`

class Member {
  readonly name: string
  readonly #model: Model
  readonly #random: ChaosRandom
  readonly #scenario: Scenario
  readonly #consumer: ShareConsumer
  readonly #kafka: Kafka
  readonly #crash: () => void
  readonly #running: Promise<void>
  #isDead = false

  constructor(name: string, sharing: Sharing, model: Model, random: ChaosRandom) {
    this.name = name
    this.#model = model
    this.#random = random
    this.#scenario = sharing.scenario
    const { bootstrap: brokers, runtime } = sharing.scenario.cluster
    const own = crashable(runtime)
    this.#crash = own.crash
    this.#kafka = new Kafka({ brokers, runtime: own.runtime, clientId: name, logger: silentLogger })
    this.#consumer = sharing.consumer({ closeGraceMs: 2_000 }, this.#kafka)
    const concurrency = random.whole(1, 3)
    this.#running = this.#consumer.run({ concurrency, each: (job, context) => this.#handle(job, context) })
    this.#running.catch(() => {})
  }

  async #handle(job: Job, { signal }: JobContext): Promise<void> {
    if (this.#isDead) return
    this.#model.begin(this, job)
    const leave = () => this.#model.leave(this, job)
    signal.addEventListener('abort', leave)
    const workMs = this.#random.withProbability(0.05)
      ? this.#random.between(15_000, 50_000)
      : this.#random.between(0, 3_000)
    await sleep(this.#scenario.cluster.runtime, workMs, signal).catch(() => {})
    if (this.#isDead) return
    const draw = this.#random.next()
    leave()
    if (draw < 0.15) throw new Error('a handler that fails')
    if (draw < 0.2) await job.release().catch(() => {})
    else await this.#decide(job, draw < 0.25 ? 'reject' : 'accept')
  }

  async #decide(job: Job, kind: 'accept' | 'reject'): Promise<void> {
    try {
      await job[kind]()
      this.#model.decided(job, kind)
    } catch (error) {
      if ((error as { outcome?: string }).outcome !== 'not-written') this.#model.unknown(job)
    }
  }

  async crash(): Promise<void> {
    this.#isDead = true
    this.#model.crashed(this)
    this.#crash()
    await this.#kafka.close({ timeoutMs: 1 })
  }

  async close(): Promise<void> {
    await this.#consumer.close()
    await this.#running
    await this.#kafka.close()
  }
}

/** One slow member may have most records left, so the limit is on the time without progress, not on all of it. */
async function finish(model: Model, advance: Scenario['advance']): Promise<void> {
  let done = -1
  while (model.done > done && model.done < model.produced) {
    done = model.done
    await advance('180s')
  }
}

async function play(seed: number, sharing: Sharing, { cluster, advance }: Scenario): Promise<Model> {
  const random = new ChaosRandom(seed, 'share groups')
  const model = new Model()
  let count = 0
  const members: Member[] = []
  const join = () => members.push(new Member(`m${++count}`, sharing, model, new ChaosRandom(seed, `member ${count}`)))
  const produce = async () => {
    const size = random.whole(1, 20)
    await sharing.produce(size, { from: model.produced, partitions })
    model.produced += size
  }
  const down = new Set<number>()
  const restart = async () => {
    for (const id of down) await cluster.broker(id).restart()
    down.clear()
  }
  join()
  join()
  await produce()
  for (let step = 0; step < 25; step++) {
    await advance(random.whole(200, 6_000))
    const draw = random.next()
    if (draw < 0.35) await produce()
    else if (draw < 0.5 && members.length < 5) join()
    else if (draw < 0.6 && members.length > 1) await members.splice(random.whole(0, members.length - 1), 1)[0]!.crash()
    else if (draw < 0.7 && members.length > 1) await members.splice(random.whole(0, members.length - 1), 1)[0]!.close()
    else if (draw < 0.85 && down.size === 0) {
      const { leader } = cluster.partition('t', random.whole(0, partitions - 1))
      if (leader < 0) continue
      down.add(leader)
      for (let i = 0; i < partitions; i++) if (cluster.partition('t', i).leader === leader) model.leaderLost(i)
      await cluster.broker(leader).kill()
    } else await restart()
  }
  await restart()
  await finish(model, advance)
  for (const member of members) await member.close()
  return model
}

const group = { 'share.record.lock.duration.ms': 15_000, 'share.delivery.count.limit': 10 }

describe('a share group under random faults', () => {
  test.each(Array.from({ length: 20 }, (_, seed) => [seed + 1]))(
    'accepts each record once, and no two members hold one at the same time (seed %i)',
    (seed) =>
      onShareGroup(
        async (sharing, scenario) => {
          const model = await play(seed, sharing, scenario)
          expect(model.problems).toEqual([])
          expect(model.produced).toBeGreaterThan(20)
          expect(model.done).toBe(model.produced)
        },
        { topics: { t: partitions }, brokers: 3, replicationFactor: 3, seed, group },
      ),
  )
})
