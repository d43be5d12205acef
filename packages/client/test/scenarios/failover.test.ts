import { expect, test } from 'vitest'
import { readTopic } from '../support/records.ts'
import { onTargets, type Target } from '../support/targets.ts'
import { until } from '../support/until.ts'

const keys = 10

/** Sends numbered records of several keys while `during` runs. The sends are not awaited, but counted. */
async function load(target: Target, topic: string, during: (sent: () => number) => Promise<void>) {
  const producer = target.newKafka().producer()
  const acknowledged: string[] = []
  const failures: unknown[] = []
  const sending: Promise<void>[] = []
  let running = true
  const loop = async () => {
    for (let i = 0; running; i++) {
      const value = `${i % keys}:${i}`
      const sent = producer.send({ topic, key: `key-${i % keys}`, value }).then(
        () => void acknowledged.push(value),
        (error) => void failures.push(error),
      )
      sending.push(sent)
      if (i % 20 === 19) await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, 20))])
    }
  }
  const looping = loop()
  await during(() => acknowledged.length)
  running = false
  await looping
  await Promise.all(sending)
  return { acknowledged, failures }
}

onTargets('a leader killed under load', (target) => {
  test('loses, repeats and reorders nothing', { timeout: 120_000 }, async () => {
    const topic = await target().createTopic('failover', { partitions: 2, configs: { 'min.insync.replicas': 2 } })

    const { acknowledged, failures } = await load(target(), topic, async (count) => {
      await until('the load runs', () => count() > 200)
      const killed = await target().killLeader(topic, 0)
      const before = count()
      await until('the load continues without the leader', () => count() > before + 200, 60_000)
      expect(await target().leaderOf(topic, 0)).not.toBe(killed)
      await target().restart(killed)
      const back = count()
      await until('the load continues with all brokers', () => count() > back + 200, 60_000)
    })

    expect(failures).toEqual([])
    const read = await readTopic(target().newKafka(), topic)
    const values = read.map(({ value }) => value ?? '')
    expect(values.length, 'no duplicates').toBe(new Set(values).size)
    expect([...values].sort(), 'nothing lost, nothing else').toEqual([...acknowledged].sort())
    for (let key = 0; key < keys; key++) {
      const order = values.filter((value) => value.startsWith(`${key}:`)).map((value) => Number(value.split(':')[1]))
      expect(order, 'in order').toEqual([...order].sort((a, b) => a - b))
    }
  })

  test('a consumer of a group continues when its coordinator or leader dies', { timeout: 120_000 }, async () => {
    const topic = await target().createTopic('failover-consume', { partitions: 3 })
    const groupId = target().uniqueName('failover')
    const producer = target().newKafka().producer()
    const consumer = target()
      .newKafka()
      .consumer({ groupId, topics: [topic], offsetReset: 'earliest' })
    const seen = new Set<string>()
    const reading = consumer.run({ each: async (message) => void seen.add(message.value?.toString() ?? '') })

    const send = (from: number) =>
      producer.send(Array.from({ length: 100 }, (_, i) => ({ topic, key: String(from + i), value: String(from + i) })))
    await send(0)
    await until('the first hundred are read', () => seen.size === 100)
    const killed = await target().killLeader(topic, 0)
    await send(100)
    await until('the second hundred are read without that broker', () => seen.size === 200, 60_000)
    await target().restart(killed)
    await send(200)
    await until('the third hundred are read', () => seen.size === 300, 60_000)

    await consumer.close()
    await reading
  })
})
