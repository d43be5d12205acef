import { randomInt, randomUUID } from 'node:crypto'
import type { Consumer } from 'ottla'
import type { Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

/** The actions of users of a web shop; three applications read the same events, independently. */
interface UserEvent {
  readonly event_id: string
  readonly event_datetime: string
  readonly event_type: (typeof eventTypes)[number]
}

const eventTypes = ['buy', 'sell', 'click', 'hover', 'idle_5'] as const

export async function userEvents(stage: Stage): Promise<void> {
  await stage.createTopics([{ name: 'events_topic', partitions: 3 }])
  const counts = new Map<string, number>()
  let latest = ''

  const readers = [
    read(stage, 'collector', 'event-collector-group-1', (event) => stage.say(`  collector  ${JSON.stringify(event)}`)),
    read(stage, 'counter', 'event-counter-group-1', ({ event_type: type }) => {
      counts.set(type, (counts.get(type) ?? 0) + 1)
    }),
    read(stage, 'clock', 'event-clock-group-1', ({ event_datetime: datetime }) => {
      latest = datetime > latest ? datetime : latest
    }),
  ]
  const failed = Promise.race(readers.map((reader) => reader.done))

  const sent = await Promise.race([produce(stage), failed])
  for (const { app } of readers) {
    await Promise.race([stage.until(`${app} has read all`, () => stage.ledger.receivedBy(app) === sent), failed])
  }
  stage.say(`  counter    ${[...counts].map(([type, count]) => `${type} ${count}`).join(', ')}`)
  stage.say(`  clock      last event at ${latest}`)
  await Promise.all(readers.map((reader) => reader.consumer.close()))
}

/** Sends an event every few seconds, until enough were sent or Ctrl-C ends the run. */
async function produce(stage: Stage): Promise<number> {
  const { intervalMs = 3000, count = Number.POSITIVE_INFINITY } = stage.options
  const producer = stage.app('shop').kafka.producer()
  for (let sent = 0; ; ) {
    const event: UserEvent = {
      event_id: randomUUID(),
      event_datetime: new Date().toISOString(),
      event_type: eventTypes[randomInt(eventTypes.length)] ?? 'click',
    }
    const topic = stage.named('events_topic')
    const receipt = await producer.send({ topic, key: event.event_id, value: JSON.stringify(event) })
    stage.ledger.sent(event.event_id, receipt)
    if (++sent >= count) return sent
    await stage.pause(intervalMs)
  }
}

interface Reader {
  readonly app: string
  readonly consumer: Consumer
  /** Settles when reading has ended. */
  readonly done: Promise<void>
}

/** An application with its own group receives every event, whatever the others read. */
function read(stage: Stage, app: string, groupId: string, handle: (event: UserEvent) => void): Reader {
  const topic = stage.named('events_topic')
  stage.ledger.expect(topic, app)
  const consumer = stage.app(app).kafka.consumer({
    groupId: stage.named(groupId),
    topics: [topic],
    offsetReset: 'earliest',
  })
  const done = consumer.run({
    each: (message) => {
      const event: UserEvent = JSON.parse(String(message.value))
      stage.ledger.received(app, event.event_id, message)
      handle(event)
    },
  })
  return { app, consumer, done }
}

startWhenMain('user-events', 'user-events: one source of events, three applications that read them', userEvents)
