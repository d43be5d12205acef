import type { Message, Transaction } from 'ottla'
import type { App, Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

const accounts = ['anna', 'ben', 'clara', 'david']

/**
 * Read, process, write, exactly once: each transfer becomes a debit and a credit, in one transaction with the offset of the transfer.
 * The processor is killed in the middle of a transaction; the next one repeats that transfer, and no booking is there twice.
 */
export async function transfers(stage: Stage): Promise<void> {
  const count = stage.options.count ?? 200
  await stage.createTopics([
    { name: 'transfers', partitions: 2 },
    { name: 'bookings', partitions: 4 },
  ])
  await order(stage, count)
  const first = stage.app('processor-1')
  await process(first, stage, Math.floor(count / 2)).catch(() => {})
  stage.say(`  processor-1 is killed in the middle of a transaction`)
  const second = stage.app('processor-2')
  const running = process(second, stage).catch(second.onFailure)
  await audit(stage, count)
  await second.kafka.close()
  await running
}

async function order(stage: Stage, count: number): Promise<void> {
  const producer = stage.app('bank').kafka.producer()
  const topic = stage.named('transfers')
  const orders = Array.from({ length: count }, (_, id) => {
    const [from, to] = [accounts[id % 4]!, accounts[(id + 1 + (id % 3)) % 4]!]
    return { topic, key: from, value: JSON.stringify({ id, from, to, amount: 1 + (id % 9) }) }
  })
  await producer.send(orders)
  stage.say(`  ${count} transfers are ordered`)
}

/** Ends with the consumer. `diesAfter`: crashes after this number of transfers. */
async function process({ kafka, crash }: App, stage: Stage, diesAfter = Number.POSITIVE_INFINITY): Promise<void> {
  // The same transactionalId in each instance that takes over: the next one fences the former.
  const producer = kafka.transactionalProducer({ transactionalId: stage.named('transfers-processor') })
  await producer.ready()
  const consumer = kafka.consumer({
    groupId: stage.named('transfers-processor'),
    topics: [stage.named('transfers')],
    offsetReset: 'earliest',
    commit: 'none',
    // The killed member is replaced soon.
    sessionTimeoutMs: 6_000,
  })
  let processed = 0
  for await (const message of consumer) {
    await producer.transaction(async (transaction) => {
      await book(transaction, message, stage.named('bookings'))
      if (++processed === diesAfter) await crash()
      await transaction.sendOffsets(message)
    })
  }
}

async function book(transaction: Transaction, { value }: Message, topic: string): Promise<void> {
  const { id, from, to, amount } = JSON.parse(String(value))
  await transaction.send([
    { topic, key: from, value: JSON.stringify({ id, account: from, amount: -amount }) },
    { topic, key: to, value: JSON.stringify({ id, account: to, amount }) },
  ])
}

/** Consumers read only committed records by default. */
async function audit(stage: Stage, count: number): Promise<void> {
  const { kafka } = stage.app('audit')
  const consumer = kafka.consumer({
    groupId: stage.named('transfers-audit'),
    topics: [stage.named('bookings')],
    offsetReset: 'earliest',
  })
  const bookings = new Map<string, number>()
  const balances = new Map(accounts.map((account) => [account, 0]))
  for (let read = 0; read < 2 * count; read++) {
    const [message] = await consumer.poll({ maxRecords: 1 })
    if (message === undefined) {
      read--
      continue
    }
    const { id, account, amount } = JSON.parse(String(message.value))
    const booking = `${id} ${account}`
    bookings.set(booking, (bookings.get(booking) ?? 0) + 1)
    balances.set(account, (balances.get(account) ?? 0) + amount)
  }
  await consumer.close()
  const sum = [...balances.values()].reduce((total, balance) => total + balance, 0)
  const twice = [...bookings.values()].filter((times) => times > 1).length
  for (const [account, balance] of balances) stage.say(`  ${account.padEnd(6)} ${balance}`)
  stage.finale = `${count} transfers: ${bookings.size} bookings, ${twice} twice, sum of all accounts ${sum}`
}

startWhenMain('transfers', 'transfers: read, process, write, exactly once, while the processor is killed', transfers)
