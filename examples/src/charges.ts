import type { Message } from 'ottla'
import type { Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

interface Charge {
  readonly id: number
  readonly amount: number
}

/** A payment provider that refuses every third charge at its first attempt. */
class Provider {
  readonly #refused = new Set<number>()

  async charge({ id }: Charge): Promise<void> {
    if (id % 3 !== 0 || this.#refused.has(id)) return
    this.#refused.add(id)
    throw new Error('the provider is busy')
  }
}

/**
 * Charges whose provider is busy wait for a second in a retry topic, while those behind them go on. One that is no JSON becomes a dead
 * letter; when the service can read it, it is moved back.
 */
export async function charges(stage: Stage): Promise<void> {
  const count = stage.options.count ?? 30
  await stage.createTopics([
    { name: 'charges', partitions: 2 },
    { name: 'charges.retry', partitions: 2 },
    { name: 'charges.dead', partitions: 1 },
  ])
  const { kafka } = stage.app('billing')
  const topic = stage.named('charges')
  const dead = stage.named('charges.dead')
  await order(stage, topic, count)

  const provider = new Provider()
  const charged = new Set<number>()
  let acceptsText = false
  const consumer = kafka.consumer({ groupId: stage.named('billing'), topics: [topic], offsetReset: 'earliest' })
  let delayed = 0
  let isDead = false
  consumer.on('delayed', () => delayed++)
  consumer.on('deadLettered', ({ error, to }) => {
    isDead = true
    stage.say(`  a charge is a dead letter in ${to.topic}: ${String(error)}`)
  })
  const running = consumer.run({
    each: async (message) => {
      const charge = read(message, acceptsText)
      await provider.charge(charge)
      charged.add(charge.id)
    },
    retry: { attempts: 1, retryIf: (error) => !(error instanceof SyntaxError) },
    retryTopics: [{ topic: stage.named('charges.retry'), delayMs: 1_000 }],
    deadLetter: { topic: dead },
  })
  await stage.until('all charges but one are made', () => charged.size === count && isDead)
  stage.say(`  ${charged.size} charges are made; ${delayed} of them waited in the retry topic`)

  acceptsText = true
  const { moved } = await kafka.redrive({ from: dead, topics: [topic], groupId: stage.named('redrive') })
  await stage.until('the last charge is made', () => charged.size === count + 1)
  await consumer.close()
  await running
  stage.finale = `${count + 1} charges: ${charged.size} made, ${delayed} retried, ${moved} moved back from the dead letters`
}

async function order(stage: Stage, topic: string, count: number): Promise<void> {
  const orders = Array.from({ length: count }, (_, id) => ({
    topic,
    key: `customer-${id % 5}`,
    value: JSON.stringify({ id, amount: 1 + (id % 9) }),
  }))
  await stage
    .app('shop')
    .kafka.producer()
    .send([...orders, { topic, key: 'customer-0', value: `${count};9` }])
  stage.say(`  ${count} charges are ordered as JSON, and one as text`)
}

/** Throws a SyntaxError for what is no JSON. */
function read({ value }: Message, acceptsText: boolean): Charge {
  const text = String(value)
  if (!acceptsText || text.startsWith('{')) return JSON.parse(text) as Charge
  const [id, amount] = text.split(';')
  return { id: Number(id), amount: Number(amount) }
}

startWhenMain('charges', 'charges: retries that wait in another topic, dead letters, and their way back', charges)
