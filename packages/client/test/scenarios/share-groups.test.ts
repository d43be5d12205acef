import { expect, test } from 'vitest'
import { type Job, type JobContext, type Kafka, type ShareConsumer, silentLogger } from '../../src/index.ts'
import { onTargets } from '../support/targets.ts'
import { until } from '../support/until.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)
const sorted = (values: readonly string[]) => values.map(Number).toSorted((a, b) => a - b)

/** A member that counts its deliveries. */
class Worker {
  readonly consumer: ShareConsumer
  readonly seen: string[] = []
  readonly counts: number[] = []
  readonly running: Promise<void>

  constructor(
    kafka: Kafka,
    { groupId, topic, concurrency = 1 }: { groupId: string; topic: string; concurrency?: number },
    handle: (job: Job, context: JobContext) => unknown = () => {},
  ) {
    this.consumer = kafka.shareConsumer({ groupId, topics: topic, maxWaitMs: 100 })
    this.running = this.consumer.run({
      concurrency,
      each: async (job, context) => {
        this.seen.push(`${job.value}`)
        this.counts.push(job.deliveryCount)
        await handle(job, context)
      },
    })
    this.running.catch(() => {})
  }

  async leave(): Promise<void> {
    await this.consumer.close()
    await this.running
  }
}

onTargets('share groups', (target) => {
  async function group(base: string, configs: Readonly<Record<string, string | number>> = {}) {
    const topic = await target().createTopic(base, { partitions: 1 })
    const groupId = target().uniqueName(base)
    await target().configureGroup(groupId, { 'share.auto.offset.reset': 'earliest', ...configs })
    const producer = target().newKafka().producer()
    const produce = (count: number) => producer.send(numbers(count).map((i) => ({ topic, value: `${i}` })))
    return { topic, groupId, produce }
  }

  test('two members share one partition: each record is accepted by one of them', { timeout: 60_000 }, async () => {
    const { topic, groupId, produce } = await group('share')
    const pause = () => new Promise((resolve) => setImmediate(resolve))
    const members = [0, 1].map(() => new Worker(target().newKafka(), { groupId, topic }, pause))
    await Promise.all(members.map(({ consumer }) => consumer.ready()))
    await produce(200)
    await until('all records are processed', () => members.flatMap(({ seen }) => seen).length >= 200)
    for (const member of members) await member.leave()
    expect(sorted(members.flatMap(({ seen }) => seen))).toEqual(numbers(200))
    for (const { seen } of members) expect(seen.length).toBeGreaterThan(0)
    const late = new Worker(target().newKafka(), { groupId, topic })
    await late.consumer.ready()
    await produce(1)
    await until('the new record is delivered', () => late.seen.length > 0)
    await late.leave()
    expect(late.seen).toEqual(['0'])
  })

  test('a record that is released is delivered again, until the limit; a rejected one is not', {
    timeout: 60_000,
  }, async () => {
    const { topic, groupId, produce } = await group('released', { 'share.delivery.count.limit': 3 })
    await produce(3)
    // Each failed handler is a warning.
    const worker = new Worker(target().newKafka({ logger: silentLogger }), { groupId, topic }, async (job) => {
      if (`${job.value}` === '1') throw new Error('no')
      if (`${job.value}` === '2') await job.reject()
    })
    await until('the limit is reached', () => worker.seen.filter((value) => value === '1').length === 3)
    await produce(1)
    await until('the next record is delivered', () => worker.seen.filter((value) => value === '0').length === 2)
    await worker.leave()
    expect(worker.seen.toSorted()).toEqual(['0', '0', '1', '1', '1', '2'])
    expect(Math.max(...worker.counts)).toBe(3)
  })

  test('a handler that takes three times as long as the lock is called once', { timeout: 120_000 }, async () => {
    const lockMs = 2_000
    const { topic, groupId, produce } = await group('renewed', { 'share.record.lock.duration.ms': lockMs })
    await produce(1)
    let finish = () => {}
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    const members = [0, 1].map(() => new Worker(target().newKafka(), { groupId, topic }, () => finished))
    const seen = () => members.flatMap((member) => member.seen)
    await until('the record is delivered', () => seen().length === 1)
    setTimeout(finish, 3 * lockMs)
    await finished
    for (const member of members) await member.leave()
    expect(seen()).toEqual(['0'])
  })

  test('close gives back what is not processed: the other member receives it immediately', {
    timeout: 60_000,
  }, async () => {
    const { topic, groupId, produce } = await group('closed')
    await produce(4)
    const first = target().newKafka().shareConsumer({ groupId, topics: topic, maxWaitMs: 100 })
    const jobs = first.jobs()
    const { value: accepted } = await jobs.next()
    await accepted!.accept()
    const { value: kept } = await jobs.next()
    const closed = first.close({ timeoutMs: 2_000 })
    const second = new Worker(target().newKafka(), { groupId, topic })
    await closed
    await expect(kept!.accept()).rejects.toMatchObject({ code: 'CLOSED' })
    expect(kept!.signal.aborted).toBe(true)
    await until('the second member has the rest', () => second.seen.length === 3, 10_000)
    await second.leave()
    expect(sorted(second.seen)).toEqual([1, 2, 3])
  })

  test('the leader is killed: its locks are lost, and each record is delivered', { timeout: 120_000 }, async () => {
    const { topic, groupId, produce } = await group('killed')
    await produce(50)
    const worker = new Worker(target().newKafka(), { groupId, topic, concurrency: 4 })
    await until('some are processed', () => worker.seen.length > 5)
    await target().killLeader(topic, 0)
    await until('all are processed', () => new Set(worker.seen).size === 50, 60_000)
    await worker.leave()
    expect(worker.seen.length).toBeLessThanOrEqual(50 + 8)
  })
})
