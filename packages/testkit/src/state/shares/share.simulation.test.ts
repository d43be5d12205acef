import { expect, test } from 'vitest'
import { ShareWorld } from '../../../test/support/share-world.ts'

const seeds = Array.from({ length: 100 }, (_, i) => i + 1)
const ACCEPT = 1
const RELEASE = 2
const RENEW = 4

/** Members fetch, acknowledge and die; leaders and coordinators change; responses are lost. */
function disturb(world: ShareWorld): void {
  const { random } = world.time
  const { members } = world
  const one = members[Math.floor(random() * members.length)]
  const roll = random()
  if (roll < 0.1) world.produce(1 + Math.floor(random() * 8))
  else if (roll < 0.15 && members.filter(({ isAlive }) => isAlive).length < 5) world.join()
  else if (!one?.isAlive) return
  else if (roll < 0.5) world.fetch(one, 1 + Math.floor(random() * 12), random() < 0.3)
  else if (roll < 0.9)
    world.acknowledge(one, [ACCEPT, ACCEPT, RELEASE, RELEASE, 3, 0, RENEW][Math.floor(random() * 7)] ?? 1)
  else if (roll < 0.93) world.leave(one, random() < 0.5)
  else if (roll < 0.95) world.changeLeader()
  else if (roll < 0.97) world.changeCoordinator()
  else world.isDisturbed = random() < 0.5
}

test.each(seeds)(
  'seed %i: the invariants of share groups hold through lost responses, dead members, and new leaders and coordinators',
  (seed) => {
    const world = new ShareWorld(seed)
    const { time } = world
    world.join()
    world.produce(5)
    for (let i = 0; i < 400; i++) {
      disturb(world)
      world.pass(time.random() * 120)
    }
    expect(world.problems).toEqual([])
    expect(world.deliveries).toBeGreaterThan(20)

    world.isDisturbed = false
    world.join()
    const last = world.members.at(-1)
    // Every record that is not accepted yet is delivered until it is in a final state.
    for (let i = 0; i < 3_000 && world.leader.startOffset < world.endOffset; i++) {
      if (last === undefined) break
      world.fetch(last, 20, false)
      world.acknowledge(last, ACCEPT)
      world.pass(50)
    }
    expect(world.problems).toEqual([])
    expect(world.leader.startOffset).toBe(world.endOffset)
    world.close()
  },
)
