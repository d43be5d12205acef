import type { ErrorName } from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { FakeClock } from '../../../test/support/fake-clock.ts'
import type { WriteHandlers } from '../coordinators/coordinator-log.ts'
import type { CoordinatorRecord } from '../coordinators/coordinator-record.ts'
import { readTransactionRecord } from './transaction-records.ts'
import {
  type AssignedProducer,
  abortFromHere,
  addPartitions,
  endTransaction,
  initProducerId,
} from './transaction-requests.ts'
import { type Marker, TransactionShard } from './transaction-shard.ts'

/** A shard on a fake clock, with a scripted log and scripted markers. */
class Bed {
  readonly clock = new FakeClock()
  readonly records: CoordinatorRecord[] = []
  readonly markers: { readonly marker: Marker; readonly done: (isWritten: boolean) => void }[] = []
  readonly writes: WriteHandlers[] = []
  isSlow = false
  #ids = 10n
  readonly shard = new TransactionShard({
    runtime: this.clock,
    log: {
      write: (records, handlers) => {
        this.records.push(...records)
        if (this.isSlow) this.writes.push(handlers)
        else handlers.done(undefined)
      },
    },
    config: {
      maxTimeoutMs: 900_000,
      abortTimedOutIntervalMs: 1000,
      idExpirationMs: 60_000,
      removeExpiredIntervalMs: 10_000,
    },
    coordinatorEpoch: 3,
    newProducerId: () => this.#ids++,
    writeMarker: (marker, done) => this.markers.push({ marker, done }),
  })

  constructor() {
    this.shard.onTimeout = (transaction) => abortFromHere(this.shard, transaction, 2, () => {})
  }

  init(timeoutMs = 5000, known = { producerId: -1n, producerEpoch: -1 }) {
    return this.#response((respond) =>
      initProducerId(this.shard, { transactionalId: 'x', timeoutMs, ...known }, respond),
    )
  }

  add(producer: AssignedProducer): ErrorName | undefined {
    const partitions = [{ topic: 't', partitions: [0, 1] }]
    let error: ErrorName | undefined
    addPartitions(this.shard, { transactionalId: 'x', ...producer }, { partitions, clientVersion: 2 }, (result) => {
      error = result
    })
    return error
  }

  end(producer: AssignedProducer, committed = true) {
    const identity = { transactionalId: 'x', ...producer }
    return this.#response((respond) => endTransaction(this.shard, identity, { committed, clientVersion: 2 }, respond))
  }

  get image() {
    const image = this.shard.transactions.get('x')?.image
    if (image === undefined) throw new Error('No transaction')
    return image
  }

  mark(isWritten = true): void {
    for (const { done } of this.markers.splice(0)) done(isWritten)
  }

  #response(send: (respond: (result: ErrorName | AssignedProducer) => void) => void): AssignedProducer {
    let response: ErrorName | AssignedProducer | undefined
    send((result) => {
      response = result
    })
    if (typeof response !== 'object') throw new Error(response ?? 'No response')
    return { producerId: response.producerId, producerEpoch: response.producerEpoch }
  }
}

describe('a transaction on its coordinator', () => {
  test('completes when all partitions have their marker, and retries failed markers', () => {
    const bed = new Bed()
    const producer = bed.init()
    expect(bed.add(producer)).toBeUndefined()
    expect(bed.end(producer)).toEqual({ producerId: 10n, producerEpoch: 1 })
    expect(bed.markers.map(({ marker }) => [marker.partition, marker.producerEpoch, marker.coordinatorEpoch])).toEqual([
      [0, 1, 3],
      [1, 1, 3],
    ])
    expect(() => bed.end(producer)).toThrow('CONCURRENT_TRANSACTIONS')
    bed.mark(false)
    expect(bed.image.state).toBe('PrepareCommit')
    bed.clock.advance(20)
    bed.mark()
    expect(bed.image.state).toBe('CompleteCommit')
    expect(bed.end(producer)).toEqual({ producerId: 10n, producerEpoch: 1 })
  })

  test('is aborted after its timeout, not before', () => {
    const bed = new Bed()
    bed.add(bed.init(5000))
    bed.clock.advance(5000)
    expect(bed.image.state).toBe('Ongoing')
    bed.clock.advance(1000)
    expect([bed.image.state, bed.image.producerEpoch]).toEqual(['PrepareAbort', 1])
    bed.mark()
    expect(bed.image.state).toBe('CompleteAbort')
    // The timer for the id's expiration.
    expect(bed.clock.timerCount).toBe(1)
  })

  test('rejects requests while a change is being written to the log', () => {
    const bed = new Bed()
    const producer = bed.init()
    bed.isSlow = true
    bed.add(producer)
    expect(bed.add(producer)).toBe('CONCURRENT_TRANSACTIONS')
    expect(() => bed.init()).toThrow('CONCURRENT_TRANSACTIONS')
    bed.writes.shift()?.done('NOT_ENOUGH_REPLICAS')
    expect(bed.image.state).toBe('Empty')
  })

  test('continues with another id when the epochs are exhausted', () => {
    const bed = new Bed()
    bed.init()
    const transaction = bed.shard.transactions.get('x')
    if (transaction === undefined) throw new Error('No transaction')
    transaction.image = { ...transaction.image, producerEpoch: 32_766 }
    const producer = { producerId: 10n, producerEpoch: 32_766 }
    bed.add(producer)
    expect(bed.end(producer)).toEqual({ producerId: 11n, producerEpoch: 0 })
    bed.mark()
    expect(bed.image).toMatchObject({ producerId: 11n, producerEpoch: 0, previousProducerId: 10n })
    expect(bed.end(producer)).toEqual({ producerId: 11n, producerEpoch: 0 })
  })

  test('expires with its unused id, but not while it is open', () => {
    const bed = new Bed()
    const producer = bed.init(900_000)
    bed.clock.advance(50_000)
    bed.add(producer)
    bed.clock.advance(120_000)
    expect(bed.image.state).toBe('Ongoing')
    bed.end(producer)
    bed.mark()
    bed.clock.advance(50_000)
    expect(bed.image.state).toBe('CompleteCommit')
    bed.isSlow = true
    bed.clock.advance(20_000)
    expect(() => bed.init()).toThrow('CONCURRENT_TRANSACTIONS')
    bed.writes.shift()?.done(undefined)
    expect([bed.shard.transactions.size, bed.records.at(-1)?.value]).toEqual([0, null])
    bed.clock.advance(10_000)
    expect(bed.clock.timerCount).toBe(0)
    bed.isSlow = false
    expect(bed.init()).toEqual({ producerId: 11n, producerEpoch: 0 })
  })

  test('can be decoded from its record', () => {
    const bed = new Bed()
    bed.add(bed.init())
    const read = readTransactionRecord(bed.records.at(-1) as CoordinatorRecord)
    expect(read).toEqual({ transactionalId: 'x', image: { ...bed.image, lastProducerEpoch: -1 } })
  })
})
