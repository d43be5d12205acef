import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { skipReason } from '../../../../tools/skip-reason.ts'
import {
  type HandlerTransaction,
  type Kafka,
  type Message,
  silentLogger,
  type TransactionalProcessorOptions,
} from '../../src/index.ts'
import { kafkaRelease } from '../support/real-kafka.ts'
import { textOf } from '../support/records.ts'
import { failure } from '../support/settled.ts'
import { onTargets, type Target } from '../support/targets.ts'
import { until } from '../support/until.ts'

type Options = Partial<TransactionalProcessorOptions>

const protocols: Options[] = [{ assignors: ['range'] }, { assignors: ['cooperative-sticky'] }, { protocol: 'consumer' }]
const nameOf = ({ protocol, assignors }: Options) => protocol ?? String(assignors)

onTargets('exactly once', (target: () => Target) => {
  // Before 2.5 the coordinator of a group checks no member (KIP-447).
  const skip = { timeout: 240_000, ...skipReason(kafkaRelease < 2.5 ? 'needs KIP-447' : '') }
  const test25 = test.skipIf(kafkaRelease < 2.5)

  /** Failures are expected. */
  const newKafka = () => target().newKafka({ logger: silentLogger })

  async function topics(partitions: number) {
    const source = await target().createTopic('source', { partitions })
    const sink = await target().createTopic('sink', { partitions: 2 })
    return { source, sink, groupId: target().uniqueName('group') }
  }

  type Places = Awaited<ReturnType<typeof topics>>

  function start(kafka: Kafka, { source, sink, groupId }: Places, options: Options) {
    const each = (message: Message, tx: HandlerTransaction) =>
      tx.send({ topic: sink, value: textOf(message), key: message.key })
    const transactionalId = target().uniqueName('tx')
    const own = {
      groupId,
      topics: [source],
      transactionalId,
      offsetReset: 'earliest' as const,
      transactionTimeoutMs: 10_000,
    }
    return kafka.processTransactionally({ ...own, each, ...options } as TransactionalProcessorOptions)
  }

  const inputs = (count: number, from = 0) => Array.from({ length: count }, (_, n) => String(from + n).padStart(4, '0'))

  async function feed(topic: string, values: readonly string[]): Promise<void> {
    const producer = newKafka().producer()
    await producer.send(values.map((value) => ({ topic, value, key: value })))
    await producer.close()
  }

  /** The values that a read_committed consumer finds, sorted; waits until there are `count`, and whether more follow. */
  async function visible(topic: string, count: number): Promise<string[]> {
    const assign = [0, 1].map((partition) => ({ topic, partition, offset: 'earliest' as const }))
    const consumer = newKafka().consumer({ assign })
    const values: string[] = []
    const poll = async (timeoutMs: number) => {
      for (const message of await consumer.poll({ timeoutMs })) values.push(textOf(message))
    }
    await until(
      () => `${count} outputs are visible (there are ${values.length})`,
      async () => {
        await poll(500)
        return values.length >= count
      },
      120_000,
    )
    await poll(1_000)
    await consumer.close()
    return values.sort()
  }

  test25.each(protocols.map((options) => ({ name: nameOf(options), options })))(
    'each input has one output, while instances come, crash and leave, and handlers fail ($name)',
    skip,
    async ({ options }) => {
      if (options.protocol === 'consumer' && kafkaRelease < 4) return
      const places = await topics(4)
      if (options.protocol === 'consumer') {
        const short = { 'consumer.session.timeout.ms': 6_000, 'consumer.heartbeat.interval.ms': 2_000 }
        await target().configureGroup(places.groupId, short)
      }
      await feed(places.source, inputs(300))
      let calls = 0
      const each = async (message: Message, tx: HandlerTransaction) => {
        await tx.send({ topic: places.sink, value: textOf(message), key: message.key })
        if (++calls % 97 === 0) throw new Error('now and then')
      }
      const retry = { attempts: 100, backoffMs: [10, 100] as const }
      const own = { ...options, each, retry, ...(options.protocol === undefined && { sessionTimeoutMs: 6_000 }) }
      const crashing = target().newCrashable({ logger: silentLogger })
      const doomed = start(crashing.kafka, places, { ...own, transactionalId: `${places.groupId}-1` })
      await doomed.ready()
      const second = start(newKafka(), places, { ...own, transactionalId: `${places.groupId}-2` })
      await until('something is committed', () => doomed.counts.records > 0)
      crashing.crash()
      await feed(places.source, inputs(300, 300))
      const third = start(newKafka(), places, { ...own, transactionalId: `${places.groupId}-1` })
      await third.ready({ timeoutMs: 60_000 })
      await feed(places.source, inputs(100, 600))
      await second.close()
      expect(await visible(places.sink, 700)).toEqual(inputs(700))
      await third.close()
      await third.done
    },
  )

  test25('another instance with its transactionalId fences a processor', skip, async () => {
    const places = await topics(1)
    const kafka = newKafka()
    const transactionalId = target().uniqueName('tx')
    const former = start(kafka, places, { transactionalId })
    await former.ready()
    await feed(places.source, inputs(1))
    await until('it is committed', () => former.counts.records === 1)
    const next = start(newKafka(), places, { transactionalId })
    await feed(places.source, inputs(20, 1))
    const error = await Promise.race([failure(former.done), sleep(30_000, undefined, { ref: false })])
    expect(error).toMatchObject({ code: 'PRODUCER_FENCED' })
    expect(await visible(places.sink, 21)).toEqual(inputs(21))
    await next.close()
  })

  test25('survives the death of brokers', skip, async () => {
    const places = await topics(3)
    const processor = start(newKafka(), places, {})
    await processor.ready()
    for (let round = 0; round < 3; round++) {
      const id = (round % 3) + 1
      await target().kill(id)
      await feed(places.source, inputs(50, round * 50))
      await target().restart(id)
    }
    expect(await visible(places.sink, 150)).toEqual(inputs(150))
    await processor.close()
    await processor.done
  })
})
