import { expect, test } from 'vitest'
import { type Beat, ConsumerBed } from '../../../test/support/consumer-bed.ts'
import { seeded } from '../../../test/support/simulation.ts'

const seeds = Array.from({ length: 60 }, (_, i) => i + 1)

type Owned = readonly { readonly topicId: string; readonly partitions: readonly number[] }[]

interface Client {
  readonly memberId: string
  readonly instanceId: string | null
  epoch: number
  owned: Owned
  isAlive: boolean
  isStalled: boolean
  topics: readonly string[]
}

/** Consumers that lose responses, stall, die and restart, with coordinator failovers. */
class World {
  bed = new ConsumerBed()
  readonly clients: Client[] = []
  readonly #random: () => number
  #names = 0
  #highest = 0

  constructor(random: () => number) {
    this.#random = random
    this.bed.topics.set('t', 5)
  }

  add(instanceId: string | null): void {
    const memberId = `m${this.#names++}`
    const topics = ['t']
    this.clients.push({ memberId, instanceId, epoch: 0, owned: [], isAlive: true, isStalled: false, topics })
  }

  step(ms: number, lossRate: number): void {
    for (const client of this.clients) if (client.isAlive && !client.isStalled) this.#beat(client, lossRate)
    this.bed.clock.advance(ms)
    this.check()
  }

  #beat(client: Client, lossRate: number): void {
    const isJoining = client.epoch === 0
    const join = { rebalanceTimeoutMs: 20_000, subscribedTopicNames: [...client.topics], topicPartitions: [] }
    const { memberId, instanceId, epoch: memberEpoch, owned: topicPartitions } = client
    const body: Beat = { memberId, instanceId, memberEpoch, topicPartitions, ...(isJoining && join) }
    const response = this.bed.beat(body)
    if (this.#random() < lossRate) return
    if (response.error === 'NONE') {
      client.epoch = response.memberEpoch
      if (response.assignment) client.owned = response.assignment.topicPartitions
    } else if (response.error === 'COORDINATOR_NOT_AVAILABLE') return
    else {
      client.epoch = 0
      client.owned = []
    }
  }

  /** C1: a partition has one owner. C2: epochs never decrease, and a member's epoch is at most its group's. */
  check(): void {
    const group = this.bed.shard.consumerGroups.get('g')
    if (group === undefined) return
    const owners = new Map<string, string>()
    for (const { memberId, memberEpoch, assigned, pendingRevocation } of group.members.values()) {
      if (memberEpoch > group.groupEpoch) throw new Error(`C2: member ${memberId} is ahead of its group`)
      for (const [topicId, partitions] of [...assigned, ...pendingRevocation]) {
        for (const partition of partitions.keys()) {
          const key = `${topicId}-${partition}`
          const other = owners.get(key)
          if (other !== undefined) throw new Error(`C1: ${key} is owned by ${other} and ${memberId}`)
          owners.set(key, memberId)
        }
      }
    }
    if (group.groupEpoch < this.#highest) throw new Error(`C2: group epoch ${group.groupEpoch} after ${this.#highest}`)
    this.#highest = group.groupEpoch
    if (group.assignmentEpoch > group.groupEpoch)
      throw new Error('C2: the assignment epoch is ahead of the group epoch')
  }

  /** C3: all live members have the epoch of the assignment, and own each partition exactly once. */
  isConverged(): boolean {
    const alive = this.clients.filter(({ isAlive }) => isAlive)
    const group = this.bed.shard.consumerGroups.get('g')
    if (alive.length === 0 || group === undefined) return group === undefined || group.isEmpty
    const wanted = [...new Set(alive.flatMap(({ topics }) => topics))].flatMap((name) => {
      const topic = this.bed.topics.topic(name)
      return (topic?.partitions ?? []).map(({ partition }) => `${topic?.id}-${partition}`)
    })
    const owned = alive.flatMap((client) =>
      client.owned.flatMap(({ topicId, partitions }) => partitions.map((partition) => `${topicId}-${partition}`)),
    )
    return (
      group.state === 'Stable' &&
      group.members.size === alive.length &&
      alive.every(({ epoch }) => epoch === group.assignmentEpoch) &&
      JSON.stringify(owned.sort()) === JSON.stringify(wanted.sort())
    )
  }
}

function disturb(world: World, random: () => number): void {
  const { clients, bed } = world
  const one = clients[Math.floor(random() * clients.length)]
  const dice = Math.floor(random() * 11)
  if (dice <= 1 && clients.length < 6) world.add(random() < 0.3 ? `i${clients.length}` : null)
  else if (dice === 2 && one) one.isAlive = false
  else if (dice === 3 && one && !one.isAlive) Object.assign(one, { isAlive: true, epoch: 0, owned: [] })
  else if (dice === 4 && one?.isAlive && one.epoch > 0) {
    bed.beat({ memberId: one.memberId, memberEpoch: -1, instanceId: one.instanceId })
    one.isAlive = false
  } else if (dice === 5 && one) one.isStalled = !one.isStalled
  else if (dice === 6) bed.topics.set('t', Math.min(12, (bed.topics.topic('t')?.partitions.length ?? 0) + 1))
  else if (dice === 7) bed.topics.set('u', 3)
  else if (dice === 8) world.bed = bed.failover()
  else if (dice === 9) bed.log.refusal = random() < 0.5 ? 'NOT_ENOUGH_REPLICAS' : undefined
  else if (dice === 10 && one?.isAlive) Object.assign(one, { topics: ['t', 'u'], epoch: 0, owned: [] })
}

test.each(seeds)('seed %i: converges to one owner per partition, and never has two', (seed) => {
  const random = seeded(seed)
  const world = new World(random)
  world.add(null)
  for (let i = 0; i < 100; i++) {
    disturb(world, random)
    world.step(random() < 0.08 ? random() * 60_000 : random() * 3_000, 0.2)
  }
  world.bed.log.refusal = undefined
  for (const client of world.clients) client.isStalled = false
  world.bed = world.bed.failover()
  for (let i = 0; i < 100 && !world.isConverged(); i++) world.step(2_000, 0)
  expect(world.isConverged()).toBe(true)
  // The next coordinator restores the same state.
  const live = [...(world.bed.shard.consumerGroups.get('g')?.members ?? [])].sort()
  const reloaded = world.bed.failover()
  expect([...(reloaded.shard.consumerGroups.get('g')?.members ?? [])].sort()).toEqual(live)
  const { shard } = reloaded
  reloaded.clock.advance(200_000)
  expect([...(shard.consumerGroups.get('g')?.members ?? [])]).toEqual([])
  expect(reloaded.clock.timerCount).toBe(0)
})
