import { expect, test } from 'vitest'
import { GroupWorld } from '../../../test/support/group-world.ts'
import { seeded } from '../../../test/support/simulation.ts'

const seeds = Array.from({ length: 150 }, (_, i) => i + 1)

/** A random event: members join, leave, stall and die; the log is slow or rejects writes. */
function disturb(world: GroupWorld, random: () => number): void {
  const { members, bed } = world
  const pick = () => members[Math.floor(random() * members.length)]
  const one = pick()
  const dice = Math.floor(random() * 12)
  if (dice <= 1 && members.length < 6) world.add(random() < 0.4)
  else if (dice === 2 && one?.isAlive) world.kill(one)
  else if (dice === 3 && one && !one.isAlive) world.revive(one)
  else if (dice === 4 && one?.isAlive) world.leave(one)
  else if (dice === 5 && one) one.isStalled = !one.isStalled
  else if (dice === 6 && one?.isAlive) one.topics = random() < 0.5 ? ['t'] : ['t', 'u']
  else if (dice === 7) bed.log.isSlow = !bed.log.isSlow
  else if (dice === 8) bed.log.commit(Math.floor(random() * 3))
  else if (dice === 9) bed.log.fail('REQUEST_TIMED_OUT')
  else if (dice === 10) bed.log.refusal = random() < 0.5 ? 'NOT_ENOUGH_REPLICAS' : undefined
}

test.each(seeds)('seed %i: all live members converge to one generation and its assignment', (seed) => {
  const random = seeded(seed)
  const world = new GroupWorld()
  const { bed, members } = world
  world.add(false)
  for (let i = 0; i < 120; i++) {
    disturb(world, random)
    world.step(random() < 0.1 ? random() * 15_000 : random() * 800)
  }
  bed.log.refusal = undefined
  bed.log.isSlow = false
  bed.log.commit()
  for (const member of members) member.isStalled = false
  for (let i = 0; i < 400 && !world.isConverged(); i++) world.step(500)
  expect(world.isConverged()).toBe(true)
  const live = bed.shard.classicGroups.get('g')
  if (live && live.state === 'Stable') {
    const loaded = bed.reloaded().group()
    expect(loaded.generationId).toBe(live.generationId)
    expect([...loaded.members.keys()].sort()).toEqual([...live.members.keys()].sort())
  }
  for (const member of members) if (member.isAlive) world.leave(member)
  bed.clock.advance(400_000)
  expect(bed.clock.timerCount).toBe(0)
  expect(bed.shard.classicGroups.get('g')?.state ?? 'Empty').toBe('Empty')
})
