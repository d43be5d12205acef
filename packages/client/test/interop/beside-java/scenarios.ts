import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../support/until.ts'
import { OttlaReader } from './ottla-reader.ts'
import { type Facts, Scenario, victim } from './scenario.ts'
import { patienceMs, type World } from './world.ts'

/** What became of a scenario. */
export interface Outcome {
  readonly name: string
  readonly facts: readonly Facts[]
  /** What did not happen in time. */
  readonly trouble: string | undefined
  readonly elapsedMs: number
}

/** How to kill and restart a broker. */
export interface Faults {
  stop(id: number): Promise<unknown>
  start(id: number): Promise<unknown>
}

const modes = ['run', 'iterate', 'batches', 'poll'] as const

/** A scenario whose later steps are left out once one has failed. */
class Attempt {
  readonly scenario: Scenario
  readonly #startedMs = performance.now()
  #trouble: string | undefined

  constructor(name: string, world: World) {
    this.scenario = new Scenario(name, world)
  }

  async step(steps: (scenario: Scenario) => Promise<void>): Promise<void> {
    if (this.#trouble !== undefined) return
    try {
      await steps(this.scenario)
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error)
    }
  }

  /** `gone` are topics that were deleted for good. */
  async end(gone: readonly string[] = []): Promise<Outcome> {
    const { name } = this.scenario
    await this.scenario.close()
    const facts = await this.scenario.facts(gone)
    return { name, facts, trouble: this.#trouble, elapsedMs: performance.now() - this.#startedMs }
  }
}

/** Leader epochs change within a batch that is being read, and between records and the marker of their transaction. */
export async function leaderChanges(world: World): Promise<Outcome> {
  const attempt = new Attempt('two leader changes within a batch', world)
  await attempt.step(async (scenario) => {
    const replicas = [1, 3]
    const topic = await scenario.createTopic('epochs', [replicas, replicas])
    const a = await scenario.send(topic, 0, 'a', 5)
    await world.moveLeader(topic, 0)
    await scenario.join([topic], modes)
    await scenario.hold(`${topic}/b4`)
    const b = await scenario.send(topic, 0, 'b', 10)
    await scenario.held()
    await world.moveLeader(topic, 0)
    await fetchedElsewhere(scenario)
    const c = await scenario.send(topic, 0, 'c', 1)
    scenario.release()
    await scenario.delivered([...a, ...b, ...c])

    const commitX = await scenario.begin(topic, 1, 'x', 5)
    await world.moveLeader(topic, 1)
    const x = await commitX('commit')
    await scenario.delivered(x)
    const abortY = await scenario.begin(topic, 1, 'y', 5)
    await world.moveLeader(topic, 1)
    await abortY('abort')
    await world.moveLeader(topic, 1)
    const z = await scenario.send(topic, 1, 'z', 5)
    await scenario.delivered(z)
    for (const partition of [0, 1]) await scenario.committed(topic, partition, await world.endOf(topic, partition))
  })
  return attempt.end()
}

/** ottla notices a new leader while a handler runs; Java's consumer only when it polls. */
async function fetchedElsewhere(scenario: Scenario): Promise<void> {
  const readers = scenario.readers.filter((reader) => reader instanceof OttlaReader)
  const portsOf = () => readers.map(({ tap }) => new Map(tap.fetches))
  const before = portsOf()
  const moved = () =>
    portsOf().every((now, i) => [...now].filter(([port, count]) => count > (before[i]?.get(port) ?? 0)).length > 1)
  await until('ottla fetches from the new leader', moved, 5_000).catch(() => {})
}

/** The records of a deleted topic cannot be read any more; those of the other topic must be, and be committed. */
export async function deletedTopic(world: World): Promise<Outcome> {
  const attempt = new Attempt('a deleted topic among others', world)
  const gone: string[] = []
  await attempt.step(async (scenario) => {
    const keep = await scenario.createTopic('keep', [
      [1, 3],
      [3, 1],
    ])
    const doomed = await scenario.createTopic('doomed', [
      [1, 3],
      [3, 1],
    ])
    gone.push(doomed)
    await scenario.join([keep, doomed], modes)
    const before = await scenario.send(keep, 0, 'before', 10)
    await scenario.hold(`${doomed}/last0`)
    const others = await scenario.send(doomed, 1, 'other', 10)
    await scenario.delivered([...before, ...others])
    const last = await scenario.send(doomed, 0, 'last', 1)
    await scenario.held()
    await scenario.deleteTopic(doomed)
    // Handled after the deletion: its commit cannot succeed.
    scenario.release()
    await scenario.delivered(last)
    for (const partition of [0, 1]) {
      const after = await scenario.send(keep, partition, `after${partition}-`, 10)
      await scenario.delivered(after)
    }
    for (const partition of [0, 1]) await scenario.committed(keep, partition, await world.endOf(keep, partition))
  })
  return attempt.end(gone)
}

/** A new topic of the same name has other records at the old offsets. `absentMs` is how long the name does not exist. */
export async function recreatedTopic(world: World, name: string, absentMs: number): Promise<Outcome> {
  const attempt = new Attempt(name, world)
  await attempt.step(async (scenario) => {
    const topic = await scenario.createTopic('again', [[1, 3]])
    await scenario.join([topic], modes)
    const old = await scenario.send(topic, 0, 'old', 10)
    await scenario.delivered(old)
    await scenario.committed(topic, 0, 10)
    await scenario.deleteTopic(topic)
    await sleep(absentMs)
    await scenario.createAgain(topic, [[3, 1]])
    const renewed = await scenario.send(topic, 0, 'new', 15)
    await scenario.delivered(renewed)
    await scenario.committed(topic, 0, await world.endOf(topic, 0))
  })
  return attempt.end()
}

/** Broker 2 is killed and restarted: it has the only replica of a partition, and the replica in the readers' rack. */
export async function brokerRestarts(world: World, faults: Faults): Promise<Outcome[]> {
  const one = new Attempt('a restart with one replica', world)
  const near = new Attempt('a restart of the follower in the rack', world)
  const late = new Attempt('a follower in the rack that appears after the join', world)
  const rack = `rack-${victim}`
  let single = ''
  let racked = ''
  let absent = ''
  await Promise.all([
    one.step(async (scenario) => {
      single = await scenario.createTopic('single', [[1], [victim], [3]])
      await scenario.join([single], modes)
      for (const partition of [0, 1, 2]) {
        await scenario.delivered(await scenario.send(single, partition, `before${partition}-`, 5))
      }
    }),
    near.step(async (scenario) => {
      racked = await scenario.createTopic('racked', [[1, victim, 3]])
      await scenario.join([racked], modes, rack)
      await scenario.delivered(await scenario.send(racked, 0, 'before', 5))
      await servedBy(scenario, victim)
    }),
    late.step(async (scenario) => {
      absent = await scenario.createTopic('absent', [[1, victim, 3]])
    }),
  ])
  await faults.stop(victim)
  await Promise.all([
    one.step(async (scenario) => {
      await until('the partition has no leader', async () => ((await world.leaderOf(single, 1)) ?? 0) < 0, patienceMs)
      for (const partition of [0, 2]) {
        await scenario.delivered(await scenario.send(single, partition, `during${partition}-`, 5))
      }
    }),
    near.step(async (scenario) => scenario.delivered(await scenario.send(racked, 0, 'during', 5))),
    late.step(async (scenario) => {
      await until('the follower is out', async () => !(await world.inSync(absent, 0)).includes(victim), patienceMs)
      await scenario.join([absent], modes, rack)
      await scenario.delivered(await scenario.send(absent, 0, 'during', 5))
    }),
  ])
  await faults.start(victim)
  const back = (topic: string) => async () => (await world.inSync(topic, 0)).includes(victim)
  await Promise.all([
    one.step(async (scenario) => {
      await until('the partition has its leader', async () => (await world.leaderOf(single, 1)) === victim, patienceMs)
      await scenario.delivered(await scenario.send(single, 1, 'after', 5))
      for (const partition of [0, 1, 2])
        await scenario.committed(single, partition, await world.endOf(single, partition))
    }),
    near.step(async (scenario) => {
      await until('the follower is in sync', back(racked), patienceMs)
      await scenario.delivered(await scenario.send(racked, 0, 'after', 5))
    }),
    late.step(async (scenario) => {
      await until('the follower is in sync', back(absent), patienceMs)
      await scenario.delivered(await scenario.send(absent, 0, 'after', 5))
    }),
  ])
  return Promise.all([one.end(), near.end(), late.end()])
}

async function servedBy(scenario: Scenario, broker: number): Promise<void> {
  const port = scenario.world.portOf(broker)
  const readers = scenario.readers.filter((reader) => reader instanceof OttlaReader)
  await until(
    `ottla fetches from broker ${broker}`,
    () => readers.every(({ tap }) => (tap.fetches.get(port) ?? 0) > 1),
    patienceMs,
  )
}
