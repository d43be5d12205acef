import type { Assignor, Consumer } from 'ottla'
import type { Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

const partitions = 12

/** Kitchens with different numbers of cooks: each receives as many partitions as it can work on, also after a cook has arrived. */
export async function customAssignor(stage: Stage): Promise<void> {
  await stage.createTopics([{ name: 'dishes', partitions }])
  const kitchens = [new Kitchen(stage, 'bistro', 1), new Kitchen(stage, 'brasserie', 2)] as const
  const [bistro] = kitchens
  const shares = () => kitchens.map(({ name, share }) => `${name} ${share}`).join(', ')
  await stage.until('the partitions are divided by cooks', () => shares() === 'bistro 4, brasserie 8')
  stage.say(`  one cook and two: ${shares()}`)
  bistro.cooks = 4
  bistro.consumer.rejoin({ reason: 'three more cooks' })
  await stage.until('the partitions are divided again', () => shares() === 'bistro 8, brasserie 4')
  stage.say(`  four cooks and two: ${shares()}`)
  for (const kitchen of kitchens) await kitchen.close()
  stage.finale = `of ${partitions} partitions: ${shares()}`
}

class Kitchen {
  readonly name: string
  readonly consumer: Consumer
  cooks: number
  share = 0
  readonly #running: Promise<void>

  constructor(stage: Stage, name: string, cooks: number) {
    this.name = name
    this.cooks = cooks
    const { kafka, onFailure } = stage.app(name)
    this.consumer = kafka.consumer({
      groupId: stage.named('kitchens'),
      topics: [stage.named('dishes')],
      assignors: [this.#byCooks()],
    })
    this.consumer.on('rebalanced', ({ assigned }) => {
      this.share = assigned.length
    })
    this.#running = this.consumer.run({ each: () => {} }).catch(onFailure)
  }

  #byCooks(): Assignor {
    return {
      name: 'by-cooks',
      protocol: 'eager',
      userData: () => Buffer.from([this.cooks]),
      assign({ members, topics }) {
        const seats = members.flatMap(({ memberId, userData }) => Array<string>(userData?.[0] ?? 1).fill(memberId))
        const plan = new Map(members.map(({ memberId }) => [memberId, [] as { topic: string; partition: number }[]]))
        for (const [topic, { partitionCount }] of topics) {
          for (let partition = 0; partition < partitionCount; partition++) {
            plan.get(seats[partition % seats.length] ?? '')?.push({ topic, partition })
          }
        }
        return plan
      },
    }
  }

  async close(): Promise<void> {
    await this.consumer.close()
    await this.#running
  }
}

startWhenMain('custom-assignor', 'custom-assignor: partitions by the number of cooks', customAssignor)
