import type { Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

/** A queue: three workers share the jobs of one partition; some jobs fail at first, and one worker crashes with a job in hand. */
export async function jobs(stage: Stage): Promise<void> {
  const { count = 60 } = stage.options
  await stage.createTopics([{ name: 'jobs', partitions: 1 }])
  const topic = stage.named('jobs')
  stage.ledger.expect(topic, 'workers')
  const done = new Map<string, number>()
  const failed = new Set<string>()

  const workers = ['Ada', 'Bob', 'Cid'].map((name) => {
    const app = stage.app(name)
    const consumer = app.kafka.shareConsumer({ groupId: stage.named('workers'), topics: [topic] })
    const running = consumer.run({
      concurrency: 2,
      each: async (job, { signal }) => {
        await stage.pause(5)
        if (signal.aborted) return
        // Every tenth job fails the first time.
        const id = String(job.value)
        if (id.endsWith('0') && !failed.has(id)) {
          failed.add(id)
          throw new Error('the service is busy')
        }
        done.set(name, (done.get(name) ?? 0) + 1)
        stage.ledger.received('workers', id, job)
      },
    })
    running.catch(app.onFailure)
    return { name, app, consumer, running }
  })
  await Promise.all(workers.map(({ consumer }) => consumer.ready()))
  // A new share group starts at the end of its topics: its first fetch says where that is.
  await stage.pause(500)

  const records = Array.from({ length: count }, (_, i) => ({ topic, value: `job ${i}` }))
  const receipts = await stage.app('planner').kafka.producer().send(records)
  for (const [i, receipt] of receipts.entries()) stage.ledger.sent(String(records[i]?.value), receipt)

  await stage.until('a third is done', () => stage.ledger.receivedBy('workers') >= count / 3)
  const [first, ...others] = workers
  stage.say(`${first?.name} crashes: its jobs are delivered to the others`)
  await first?.app.crash()
  await stage.until('all jobs are done', () => stage.ledger.receivedBy('workers') >= count)
  for (const { consumer, running } of others) {
    await consumer.close()
    await running
  }
  const shares = [...done].map(([name, jobsDone]) => `${name} ${jobsDone}`).toSorted()
  stage.say(shares.join(', '))
  stage.say(`${count} jobs done by ${done.size} workers, ${failed.size} delivered again after a failure`)
}

startWhenMain('jobs', 'jobs: workers share one partition, and what fails is delivered again', jobs)
