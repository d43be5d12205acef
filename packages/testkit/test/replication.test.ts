import { expect, test } from 'vitest'
import type { Broker } from '../src/broker/broker.ts'
import { ReplicationWorld, topic } from './support/replication-world.ts'
import { SimulatedTime } from './support/simulation.ts'

/** One random event; kills may leave no live broker for a while. */
async function happen(world: ReplicationWorld): Promise<void> {
  const { time, brokers } = world
  const broker = brokers[Math.floor(time.random() * brokers.length)]
  if (broker === undefined) return
  const roll = time.random()
  if (roll < 0.55) {
    for (const leader of world.leaders) world.append(leader, { acksAll: time.random() < 0.8 })
  } else if (roll < 0.6) {
    if (broker.isUp) world.kill(broker)
  } else if (roll < 0.63) {
    if (broker.isUp) world.crash(broker)
  } else if (roll < 0.75) {
    if (!broker.isUp) void broker.start()
    await SimulatedTime.drain()
  } else if (roll < 0.8) {
    broker.replicas.pauseFetching()
  } else if (roll < 0.9) {
    broker.replicas.resumeFetching()
  } else if (roll < 0.91) {
    world.controller.electLeader(topic, 0, 'preferred')
  } else if (roll < 0.92) {
    for (const leader of world.leaders) leader.deleteRecords(Math.floor(leader.highWatermark * time.random()))
  } else if (roll < 0.935 && brokers.length > 3) {
    world.reassign()
  } else if (roll < 0.95) {
    operate(world, broker)
  } else {
    await world.settle(time.random() * 1000)
  }
}

/** Events of a live broker and of the network. */
function operate(world: ReplicationWorld, broker: Broker): void {
  const roll = world.time.random()
  if (roll < 0.25) world.hang(broker)
  else if (roll < 0.5) broker.resume()
  else if (roll < 0.65) world.cut()
  else if (roll < 0.8) world.healLinks()
  else if (roll < 0.9) world.retain(broker)
  else broker.replicas.isDiskFull = !broker.replicas.isDiskFull
}

async function run(seed: number, minIsr: number, brokers = 3): Promise<ReplicationWorld> {
  const world = await ReplicationWorld.create(seed, { minIsr, brokers })
  for (let turn = 0; turn < 150; turn++) {
    await happen(world)
    const steps = Math.floor(world.time.random() * 8)
    for (let step = 0; step < steps && world.time.step(50); step++) world.check()
    world.check()
  }
  // After all faults are healed, the replicas must converge.
  world.heal()
  await SimulatedTime.drain()
  await world.settle(5000)
  world.checkConverged()
  return world
}

const seeds = Number(process.env.SEEDS ?? 12)

for (const minIsr of [1, 2]) {
  test(`no acknowledged record is lost and replicas converge when brokers die or lag (min.insync.replicas ${minIsr})`, async () => {
    let acknowledged = 0
    for (let seed = 1; seed <= seeds; seed++) {
      try {
        const world = await run(seed, minIsr)
        acknowledged += world.acknowledged.size
      } catch (error) {
        throw new Error(`seed ${seed}, min.insync.replicas ${minIsr}`, { cause: error })
      }
    }
    expect(acknowledged).toBeGreaterThan(seeds * 5)
  })
}

for (const minIsr of [1, 2]) {
  test(`the same during reassignments of the partition (min.insync.replicas ${minIsr})`, async () => {
    let acknowledged = 0
    let reassignments = 0
    for (let seed = 1; seed <= seeds; seed++) {
      try {
        const world = await run(seed, minIsr, 4)
        acknowledged += world.acknowledged.size
        reassignments += world.reassignments
      } catch (error) {
        throw new Error(`seed ${seed}, min.insync.replicas ${minIsr}, four brokers`, { cause: error })
      }
    }
    expect(acknowledged).toBeGreaterThan(seeds * 5)
    expect(reassignments).toBeGreaterThan(seeds)
  })
}
