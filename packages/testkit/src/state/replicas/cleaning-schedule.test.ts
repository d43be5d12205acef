import type { Runtime } from '@ottla/runtime'
import { describe, expect, test } from 'vitest'
import { batchOf } from '../../../test/support/batches.ts'
import { systemRuntime } from '../../runtime/node-runtime.ts'
import { BrokerConfig } from '../configs/broker-config.ts'
import { topicSettings } from '../configs/topic-config.ts'
import { MetadataView } from '../metadata-view.ts'
import { type CleanedReplica, CleaningSchedule } from './cleaning-schedule.ts'
import { placeBatch, producedBatchOf } from './produced-batch.ts'
import { ReplicaLog } from './replica-log.ts'

const startMs = 1_000_000

/** One log and its cleaner; time advances from timer to timer. */
class Bench {
  readonly log = new ReplicaLog()
  nowMs = startMs
  readonly waits: number[] = []
  readonly #replica: CleanedReplica
  readonly schedule: CleaningSchedule
  #due: { readonly atMs: number; readonly callback: () => void } | undefined

  constructor(configs: Readonly<Record<string, string>> = {}, { isEnabled = true } = {}) {
    const { log } = this
    const given = new Map(Object.entries({ 'cleanup.policy': 'compact', ...configs }))
    const settings = topicSettings({ configs: given }, { id: 1, view: new MetadataView(), config: new BrokerConfig() })
    this.#replica = {
      settings,
      log,
      get lastStableOffset() {
        return log.lastStableOffset
      },
    }
    const runtime: Runtime = {
      ...systemRuntime,
      monoNow: () => this.nowMs,
      wallNow: () => this.nowMs,
      setTimer: (callback, delayMs) => {
        this.waits.push(delayMs)
        this.#due = { atMs: this.nowMs + delayMs, callback }
        return {} as ReturnType<Runtime['setTimer']>
      },
      clearTimer: () => {
        this.#due = undefined
      },
    }
    this.schedule = new CleaningSchedule({
      runtime,
      isEnabled,
      backoffMs: () => 15_000,
      replicas: () => [this.#replica],
    })
    this.schedule.watch(this.#replica)
    this.schedule.start()
  }

  get isWaiting(): boolean {
    return this.#due !== undefined
  }

  /** Appends a record with this timestamp in a new segment. */
  write(value: string, { timestamp = startMs, isCommitted = true } = {}): void {
    const batch = placeBatch(producedBatchOf(batchOf([value], { timestamp })), this.log.logEndOffset, 0)
    this.log.append(batch, 1)
    if (isCommitted) this.log.advanceHighWatermark(this.log.logEndOffset)
  }

  get offsets(): number[] {
    return Array.from(this.log.batches(), ({ baseOffset }) => baseOffset)
  }

  /** Fires the next timer and waits for the work it starts. */
  async next(): Promise<void> {
    const due = this.#due
    if (due === undefined) throw new Error('No timer is set')
    this.#due = undefined
    this.nowMs = due.atMs
    due.callback()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('the log cleaner', () => {
  test('sets no timer while nothing is cleanable, then cleans closed segments', async () => {
    const bench = new Bench()
    bench.write('a')
    expect(bench.waits).toEqual([])
    for (const value of ['b', 'c', 'd']) bench.write(value)
    expect(bench.waits).toEqual([15_000])
    await bench.next()
    expect(bench.offsets).toEqual([2, 3])
    expect(bench.log.cleanedOffset).toBe(3)
    expect(bench.isWaiting).toBe(false)
  })

  test('skips a log that is not dirty enough until more is written', async () => {
    const bench = new Bench({ 'min.cleanable.dirty.ratio': '0.6' })
    for (const value of ['a', 'b', 'c']) bench.write(value)
    await bench.next()
    expect(bench.offsets).toEqual([1, 2])
    bench.write('d')
    await bench.next()
    expect(bench.offsets).toEqual([1, 2, 3])
    expect(bench.isWaiting).toBe(false)
    bench.write('e')
    await bench.next()
    expect(bench.offsets).toEqual([3, 4])
  })

  test('cleans records older than max.compaction.lag.ms regardless of the dirty ratio, and sleeps until then', async () => {
    const bench = new Bench({ 'min.cleanable.dirty.ratio': '1', 'max.compaction.lag.ms': '100000' })
    for (const value of ['a', 'b', 'c']) bench.write(value)
    await bench.next()
    expect(bench.offsets).toEqual([0, 1, 2])
    await bench.next()
    expect(bench.nowMs).toBe(startMs + 100_001)
    expect(bench.offsets).toEqual([1, 2])
    expect(bench.isWaiting).toBe(false)
  })

  test('keeps records younger than min.compaction.lag.ms', async () => {
    const bench = new Bench({ 'min.compaction.lag.ms': '40000' })
    for (const value of ['a', 'b', 'c']) bench.write(value)
    await bench.next()
    expect(bench.offsets).toEqual([0, 1, 2])
    await bench.next()
    expect(bench.nowMs).toBe(startMs + 40_000)
    expect(bench.offsets).toEqual([1, 2])
  })

  test('checks again while records are not committed yet', async () => {
    const bench = new Bench()
    for (const value of ['a', 'b', 'c']) bench.write(value, { isCommitted: false })
    await bench.next()
    expect(bench.offsets).toEqual([0, 1, 2])
    bench.log.advanceHighWatermark(3)
    await bench.next()
    expect(bench.offsets).toEqual([1, 2])
    expect(bench.isWaiting).toBe(false)
  })

  test('does nothing with log.cleaner.enable=false, for topics that are not compacted, and when its broker is down', () => {
    const benches = [new Bench({}, { isEnabled: false }), new Bench({ 'cleanup.policy': 'delete' }), new Bench()]
    benches[2]?.schedule.halt()
    for (const bench of benches) {
      for (const value of ['a', 'b', 'c']) bench.write(value)
      expect(bench.isWaiting).toBe(false)
    }
    const running = new Bench()
    for (const value of ['a', 'b', 'c']) running.write(value)
    running.schedule.halt()
    expect(running.isWaiting).toBe(false)
  })
})
