import { expect, test } from 'vitest'
import { onTargets } from '../support/targets.ts'
import { until, within } from '../support/until.ts'

onTargets('a Fetch held for 30 s', (target) => {
  test('does not delay heartbeats, commits, produce requests or close', { timeout: 60_000 }, async () => {
    const topic = await target().createTopic('quiet')
    // A broker that has not applied the metadata yet does not list the topic.
    const { leader } = await until('its leader is known', async () => {
      const id = await target().leaderOf(topic, 0)
      return id >= 0 && { leader: id }
    })
    const groupId = target().uniqueName('patient')
    const kafka = target().newKafka()
    const consumer = kafka.consumer({
      groupId,
      topics: [topic],
      offsetReset: 'earliest',
      maxWaitMs: 30_000,
      minBytes: 1,
      sessionTimeoutMs: 2000,
      heartbeatIntervalMs: 200,
    })
    let rebalances = 0
    consumer.on('rebalanced', () => {
      rebalances++
    })
    const running = consumer.run({ each: () => {} })
    await until('the member is in its group', () => rebalances > 0)
    const requests = (api: string) => kafka.metrics().apis[api]?.requests ?? 0
    const heartbeatsBefore = requests('Heartbeat')
    const fetchesBefore = await until('the fetch is out', async () => {
      const before = requests('Fetch')
      await new Promise((resolve) => setTimeout(resolve, 300))
      return requests('Fetch') === before && { before }
    })

    // A topic with the same leader, written by the client whose fetch is held there.
    const other = await target().createTopicLedBy(leader)
    const producer = kafka.producer()
    await producer.send({ topic: other, value: 'warm' })
    const latenciesMs: number[] = []
    for (let i = 0; i < 20; i++) {
      const startedMs = performance.now()
      await producer.send({ topic: other, value: String(i) })
      await consumer.commit([{ topic, partition: 0, offset: 0n }])
      latenciesMs.push(performance.now() - startedMs)
    }
    await until('ten heartbeats have responses', () => requests('Heartbeat') >= heartbeatsBefore + 10)

    expect(Math.max(...latenciesMs)).toBeLessThan(2000)
    expect(requests('Fetch'), 'the fetch is still held').toBe(fetchesBefore.before)
    expect(rebalances, 'the session holds').toBe(1)
    await within('close with a fetch out', 5000, consumer.close())
    await running
  })
})
