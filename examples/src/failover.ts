import type { Consumer, Message } from 'ottla'
import type { Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

const keys = 50

export interface Failover {
  readonly reordered: number
}

/** A keyed load with acks=all, while the leader of a partition is killed and restarted: what is lost, duplicated, reordered? */
export async function failover(stage: Stage): Promise<Failover> {
  await stage.createTopics([{ name: 'failover', partitions: 6 }])
  const topic = stage.named('failover')
  stage.ledger.expect(topic, 'witness')
  const order = new OrderCheck()
  const witness = observe(stage, order)
  const failed = witness.done.then(() => Promise.reject(new Error('the witness stopped reading')))
  failed.catch(() => {})

  const load = new Load(stage)
  const sending = load.run()
  sending.catch(() => {})
  await Promise.race([load.reaches(0.25), sending, failed])
  if (stage.embedded === undefined) {
    stage.say('  left out on a real Kafka: killing the leader. The load continues without a failure')
  } else {
    await loseLeader(stage, topic, load)
  }
  const sent = await Promise.race([sending, failed])
  await Promise.race([stage.until('all was read', () => stage.ledger.receivedBy('witness') >= sent), failed])
  await witness.consumer.close()

  const { lost, duplicated } = stage.ledger.tally([topic])
  stage.say(`  ${sent} records, ${keys} keys: lost ${lost}, duplicated ${duplicated}, reordered ${order.reordered}`)
  return { reordered: order.reordered }
}

async function loseLeader(stage: Stage, topic: string, load: Load): Promise<void> {
  const cluster = stage.embedded
  if (cluster === undefined) return
  const { leader } = cluster.partition(topic, 0)
  stage.say(`  broker ${leader} is killed: it leads ${topic}-0 and more`)
  await cluster.broker(leader).kill()
  await stage.until('a new leader', () => ![-1, leader].includes(cluster.partition(topic, 0).leader))
  stage.say(`  broker ${cluster.partition(topic, 0).leader} is the new leader of ${topic}-0; the load continues`)
  await load.reaches(0.75)
  stage.say(`  broker ${leader} returns and catches up`)
  await cluster.broker(leader).restart()
  await stage.until('all replicas are in sync', () => cluster.partition(topic, 0).isr.length === 3)
}

/** Sends numbered records, key by key in turn, a hundred at a time without waiting for the ones before. */
class Load {
  readonly #stage: Stage
  readonly #total: number
  #acknowledged = 0

  constructor(stage: Stage) {
    this.#stage = stage
    this.#total = stage.options.count ?? 20_000
  }

  async run(): Promise<number> {
    const topic = this.#stage.named('failover')
    const producer = this.#stage.app('load').kafka.producer({ acks: 'all' })
    const bursts: Promise<void>[] = []
    for (let next = 0; next < this.#total; next += 100) {
      const size = Math.min(100, this.#total - next)
      const records = Array.from({ length: size }, (_, i) => {
        const number = next + i
        return { topic, key: `key-${number % keys}`, value: String(number) }
      })
      bursts.push(
        producer.send(records).then((receipts) => {
          for (const [i, receipt] of receipts.entries()) this.#stage.ledger.sent(records[i]?.value ?? '', receipt)
          this.#acknowledged += size
        }),
      )
      await this.#stage.pause(20)
    }
    await Promise.all(bursts)
    return this.#total
  }

  reaches(share: number): Promise<void> {
    return this.#stage.until(`${share * 100} % of the load`, () => this.#acknowledged >= share * this.#total)
  }
}

/** The numbers of one key must be read in rising order. */
class OrderCheck {
  readonly #latest = new Map<string, number>()
  reordered = 0

  see({ key, value }: Message): void {
    const number = Number(value)
    const latest = this.#latest.get(String(key)) ?? -1
    if (number < latest) this.reordered++
    this.#latest.set(String(key), Math.max(number, latest))
  }
}

function observe(stage: Stage, order: OrderCheck): { consumer: Consumer; done: Promise<void> } {
  const consumer = stage.app('witness').kafka.consumer({
    groupId: stage.named('failover-witness'),
    topics: [stage.named('failover')],
    offsetReset: 'earliest',
  })
  const done = consumer.run({
    each: (message) => {
      stage.ledger.received('witness', String(message.value), message)
      order.see(message)
    },
  })
  return { consumer, done }
}

startWhenMain('failover', 'failover: a load with acks=all loses its leader, and no record', async (stage) => {
  await failover(stage)
})
