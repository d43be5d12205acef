import Table from 'cli-table3'
import pc from 'picocolors'
import { failover } from './failover.ts'
import { Board } from './lib/board.ts'
import type { ExampleOptions } from './lib/options.ts'
import type { Stage } from './lib/stage.ts'
import { start } from './lib/start.ts'
import { orders } from './orders.ts'
import { userEvents } from './user-events.ts'
import { users } from './users.ts'

interface Part {
  readonly title: string
  readonly story: string
  readonly topics: readonly string[]
  readonly groups: readonly string[]
  readonly options?: Partial<ExampleOptions>
  /** Records that came out of order within their key, where the part counts them. */
  readonly play: (stage: Stage) => Promise<number | undefined>
}

const parts: readonly Part[] = [
  {
    title: 'user-events',
    story: 'A shop sends events as JSON. Three applications read them, each at its own pace and in a group of its own.',
    topics: ['events_topic'],
    groups: ['event-collector-group-1', 'event-counter-group-1', 'event-clock-group-1'],
    options: { count: 10, intervalMs: 120 },
    play: (stage) => userEvents(stage).then(() => undefined),
  },
  {
    title: 'users',
    story: 'A partitioner of our own sends A–M to partition 0 and N–Z to 1. A group shares them; one member is killed.',
    topics: ['users'],
    groups: ['users-group'],
    play: (stage) => users(stage).then(() => undefined),
  },
  {
    title: 'orders',
    story: 'Kitchen, delivery and billing each read every order. Billing crashes and resumes from its last commit.',
    topics: ['orders', 'payments'],
    groups: ['orders-kitchen', 'orders-delivery', 'orders-billing'],
    options: { count: 30 },
    play: (stage) => orders(stage).then(() => undefined),
  },
  {
    title: 'failover',
    story: 'Records are sent with acks=all, while the leader of their partition is killed and restarted.',
    topics: ['failover'],
    groups: ['failover-witness'],
    options: { count: 20_000 },
    play: async (stage) => (await failover(stage)).reordered,
  },
]

async function tour(stage: Stage): Promise<void> {
  const where = stage.embedded === undefined ? `the Kafka at ${stage.bootstrap}` : 'an embedded cluster of 3 brokers'
  stage.say(pc.bold(`ottla: a tour of ${parts.length} examples on ${where}`))
  const board = new Board(stage)
  const table = new Table({
    head: ['part', 'sent', 'received', 'lost', 'duplicated', 'reordered', 'seconds'],
    style: { head: pc.isColorSupported ? ['bold'] : [], border: pc.isColorSupported ? ['gray'] : [], compact: true },
  })
  const given = stage.options
  let reorderedInAll = 0
  try {
    for (const [i, part] of parts.entries()) {
      stage.say(`\n${pc.bold(`${i + 1} ${part.title}`)}  ${part.story}`)
      stage.options = { ...given, ...part.options }
      board.watch(part.topics, part.groups)
      const before = stage.ledger.tally()
      const begun = Date.now()
      const reordered = await part.play(stage)
      const after = stage.ledger.tally()
      reorderedInAll += reordered ?? 0
      table.push([part.title, ...difference(after, before), reordered ?? '', ((Date.now() - begun) / 1000).toFixed(1)])
    }
  } finally {
    await board.stop()
  }
  const { sent, received, lost, duplicated } = stage.ledger.tally()
  stage.finale = `${table}\nsent ${sent} received ${received} lost ${lost} duplicated ${duplicated}`
  if (lost + duplicated + reorderedInAll > 0) process.exitCode = 1
}

function difference(after: ReturnType<Stage['ledger']['tally']>, before: typeof after): number[] {
  const columns = ['sent', 'received', 'lost', 'duplicated'] as const
  return columns.map((column) => after[column] - before[column])
}

await start('ottla demo: a guided tour through the examples', tour)
