import type { Consumer, Partitioner } from 'ottla'
import type { App, Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

const names = [
  ...['Anna', 'Boris', 'Clara', 'David', 'Elli', 'Franz', 'Greta', 'Hermann', 'Irma', 'Julie', 'Karl', 'Lotte', 'Max'],
  ...['Nora', 'Ottla', 'Paul', 'Quirin', 'Rosa', 'Simon', 'Tile', 'Ulrich', 'Valli', 'Willi', 'Xaver', 'Yvonne', 'Zoe'],
]

/** A–M are written to partition 0, N–Z to partition 1: an application may choose the partition. */
const byFirstLetter: Partitioner = ({ key }) => (String(key).charAt(0).toUpperCase() <= 'M' ? 0 : 1)

interface Member {
  readonly app: App
  readonly consumer: Consumer
}

/** Two partitions and three members: which member owns which partition as members join, and when one is killed. */
export async function users(stage: Stage): Promise<void> {
  await stage.createTopics([{ name: 'users', partitions: 2 }])
  stage.ledger.expect(stage.named('users'), 'users-group')
  const producer = stage.app('registration').kafka.producer({ partitioner: byFirstLetter })
  const members: Member[] = []

  const joinAndRead = async (name: string, expected: string, what: string) => {
    members.push(join(stage, name))
    await stage.until(`${name} has joined`, () => owned(members) === expected)
    stage.say(`  ${name} joins: ${what}`)
    await signIn(stage, producer, members.length)
  }
  await joinAndRead('first', '2', 'it owns both partitions')
  await joinAndRead('second', '1 1', 'it takes over one of them')
  await joinAndRead('third', '0 1 1', 'no partition is left, one member idles')

  const victim = members.find((member) => member.consumer.assignment().length === 1)
  const survivors = members.filter((member) => member !== victim)
  const lost = victim?.consumer.assignment()[0]
  stage.say(`  ${victim?.app.name} is killed: partition ${lost?.partition} waits until its session has timed out`)
  await victim?.app.crash()
  await stage.until('the partition has moved', () => owned(survivors) === '1 1')
  stage.say(`  another member continues partition ${lost?.partition} from its last commit`)
  await signIn(stage, producer, members.length + 1)
  await Promise.all(survivors.map((member) => member.consumer.close()))
}

/** All users sign in once; resolves when the group has read it. */
async function signIn(stage: Stage, producer: ReturnType<App['kafka']['producer']>, round: number): Promise<void> {
  const topic = stage.named('users')
  const records = names.map((name) => ({ topic, key: name, value: `${name}, sign-in ${round}` }))
  const receipts = await producer.send(records)
  for (const [i, receipt] of receipts.entries()) stage.ledger.sent(String(records[i]?.value), receipt)
  await stage.until('all were read', () => stage.ledger.receivedBy('users-group') >= round * names.length)
}

/** Commits each record as soon as it is handled, so that the next owner continues right after it. */
function join(stage: Stage, name: string): Member {
  const app = stage.app(name)
  const consumer = app.kafka.consumer({
    groupId: stage.named('users-group'),
    topics: [stage.named('users')],
    offsetReset: 'earliest',
    commit: 'manual',
    sessionTimeoutMs: 6_000,
  })
  const running = consumer.run({
    each: async (message) => {
      stage.ledger.received('users-group', String(message.value), message)
      await consumer.commit(message)
    },
  })
  running.catch(app.onFailure)
  return { app, consumer }
}

/** How many partitions each member owns, fewest first. */
function owned(members: readonly Member[]): string {
  return members
    .map((member) => member.consumer.assignment().length)
    .sort()
    .join(' ')
}

startWhenMain('users', 'users: a custom partitioner, and a group whose members join and die', users)
