import type { Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

/**
 * A group moves to the protocol of KIP-848 member by member, while records arrive: a restart with another option each. Nothing is
 * skipped or handled twice.
 */
export async function migration(stage: Stage): Promise<void> {
  const count = stage.options.count ?? 300
  await stage.createTopics([{ name: 'visits', partitions: 4 }])
  const handled: string[] = []
  const first = start(stage, 'member-1', 'classic', handled)
  const second = start(stage, 'member-2', 'classic', handled)
  const sending = send(stage, count)
  await until(() => handled.length > count / 6)
  for (const [member, name] of [
    [first, 'member-1'],
    [second, 'member-2'],
  ] as const) {
    await member.stop()
    start(stage, name, 'consumer', handled)
    stage.say(`  ${name} restarts with protocol 'consumer'`)
    const before = handled.length
    await until(() => handled.length >= Math.min(before + count / 6, count))
  }
  await sending
  await until(() => handled.length >= count)
  const different = new Set(handled).size
  stage.finale = `${different} of ${count} records handled, ${handled.length - different} of them twice`
}

function start(stage: Stage, name: string, protocol: 'classic' | 'consumer', handled: string[]) {
  const { kafka, onFailure } = stage.app(`${name} (${protocol})`)
  const consumer = kafka.consumer({
    groupId: stage.named('visitors'),
    topics: [stage.named('visits')],
    offsetReset: 'earliest',
    protocol,
  })
  consumer.on('rebalanced', ({ assigned }) => {
    const partitions = assigned.map(({ partition }) => partition).join(', ')
    stage.say(`  ${name} (${protocol}) has ${partitions === '' ? 'no partition' : `partitions ${partitions}`}`)
  })
  const running = consumer.run({ each: async ({ value }) => void handled.push(String(value)) }).catch(onFailure)
  return {
    async stop() {
      await consumer.close()
      await running
    },
  }
}

async function send(stage: Stage, count: number): Promise<void> {
  const producer = stage.app('site').kafka.producer()
  for (let id = 0; id < count; id++) {
    await producer.send({ topic: stage.named('visits'), key: `visitor-${id % 17}`, value: String(id) })
    await new Promise((resolve) => setTimeout(resolve, stage.options.intervalMs ?? 20))
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 50))
}

startWhenMain('migration', 'migration: a group changes its protocol, member by member, under load', migration)
