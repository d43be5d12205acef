import { BatchWriter } from '@ottla/codec/records'
import { beforeEach, expect, test } from 'vitest'
import type { Broker } from '../broker/broker.ts'
import type { ClusterContext } from '../broker/cluster-context.ts'
import { MetadataView, type PartitionImage } from '../state/metadata-view.ts'
import { placeBatch, producedBatchOf } from '../state/replicas/produced-batch.ts'
import { ReplicaLog } from '../state/replicas/replica-log.ts'
import { ReplicaChecker } from './replica-checker.ts'

interface Part {
  log: ReplicaLog
  isLeader: boolean
  leaderEpoch: number
  isr: number[]
}

let parts: Part[]
let image: PartitionImage
let checker: ReplicaChecker

/** Three brokers with one replica each, in a valid state. */
beforeEach(() => {
  const isr = [1, 2, 3]
  parts = isr.map((id) => ({ log: new ReplicaLog(), isLeader: id === 1, leaderEpoch: 0, isr }))
  image = { partition: 0, replicas: isr, isr, leader: 1, leaderEpoch: 0, partitionEpoch: 0 }
  const view = new MetadataView()
  const brokers = parts.map((part, at) => brokerOf(at + 1, part))
  const context = {
    controller: { state: view },
    brokers: () => brokers,
    broker: (id: number) => brokers[id - 1],
  } as unknown as ClusterContext
  checker = new ReplicaChecker(context)
  const check = checker.check.bind(checker)
  checker.check = () => {
    view.apply({ topics: [{ name: 't', id: 'id', isInternal: false, partitions: [image], configs: new Map() }] })
    check()
  }
})

function brokerOf(id: number, part: Part): Broker {
  const replica = {
    topicId: 'id',
    get log() {
      return part.log
    },
    get isLeader() {
      return part.isLeader
    },
    get leaderEpoch() {
      return part.leaderEpoch
    },
    get logStartOffset() {
      return part.log.logStartOffset
    },
    get highWatermark() {
      return part.log.highWatermark
    },
    get logEndOffset() {
      return part.log.logEndOffset
    },
    settings: { isCompacted: false, minInsyncReplicas: 2 },
    isHighWatermarkBehindEpoch: false,
    get leadership() {
      return part.isLeader ? { isr: part.isr, isUnderMinIsr: (min: number) => part.isr.length < min } : undefined
    },
  }
  return { id, isUp: true, replica: () => replica } as unknown as Broker
}

function batch(value: string, baseOffset: number, leaderEpoch = 0) {
  const writer = new BatchWriter()
  writer.append(1_700_000_000_000, null, value, [])
  const bytes = writer.seal({ producerId: -1n, producerEpoch: -1, baseSequence: -1 })
  return placeBatch(producedBatchOf(bytes), baseOffset, leaderEpoch)
}

const at = (id: number) => parts[id - 1] as Part

/** Appends to these brokers, then checks. */
function write(value: string, offset: number, { on = [1, 2, 3], epoch = 0 } = {}): void {
  for (const id of on) at(id).log.append(batch(value, offset, epoch), 1 << 20)
  checker.check()
}

function commit(offset: number, on = [1, 2, 3]): void {
  for (const id of on) at(id).log.advanceHighWatermark(offset)
  checker.check()
}

function lead(id: number, leaderEpoch: number): void {
  for (const part of parts) part.leaderEpoch = leaderEpoch
  for (const other of [1, 2, 3]) at(other).isLeader = other === id
  image = { ...image, leader: id, leaderEpoch, partitionEpoch: image.partitionEpoch + 1 }
}

test('accepts records that are replicated, committed and kept by the next leader', () => {
  write('a', 0)
  commit(1)
  lead(2, 1)
  write('b', 1, { epoch: 1 })
  commit(2)
  expect(checker.checkCount).toBeGreaterThan(3)
})

test('reports a high watermark that moves back under the next leader', () => {
  write('a', 0)
  commit(1, [1])
  lead(2, 1)
  expect(() => checker.check()).toThrow("topic 't', partition 0: the high watermark moved back")
})

test('reports a member of the ISR without a committed record', () => {
  write('a', 0, { on: [1, 2] })
  expect(() => commit(1, [1, 2])).toThrow('below the high watermark')
})

test('reports a member of the ISR with another record below the high watermark', () => {
  write('a', 0, { on: [1, 2] })
  at(3).log.append(batch('x', 0, -1), 1 << 20)
  expect(() => commit(1)).toThrow('a member of the ISR does not have the committed batch')
})

test('reports two batches with the same offset and epoch', () => {
  write('a', 0, { on: [1] })
  expect(() => write('b', 0, { on: [2] })).toThrow('two different batches')
})

test('reports a leader epoch after a later one', () => {
  at(1).log.append(batch('a', 0, 3), 1 << 20)
  expect(() => write('b', 1, { on: [1], epoch: 2 })).toThrow('leader epoch 2 follows 3')
})

test('reports two brokers that append in one epoch', () => {
  checker.check()
  write('a', 0, { on: [1] })
  at(2).isLeader = true
  checker.check()
  at(2).log.append(batch('a', 0), 1 << 20)
  expect(() => checker.check()).toThrow('both append in leader epoch 0')
})

test('reports a next leader without a committed record', () => {
  write('a', 0)
  commit(1)
  at(2).log.startFresh(0)
  at(2).log.append(batch('x', 0, 1), 1 << 20)
  at(2).log.advanceHighWatermark(1)
  lead(2, 1)
  expect(() => checker.check()).toThrow('the new leader does not have the committed batch')
})

test('reports a high watermark that moves with too few replicas in sync', () => {
  write('a', 0)
  at(1).isr = [1]
  image = { ...image, isr: [1] }
  expect(() => commit(1, [1])).toThrow('with too few in sync')
})

test('reports a leader that was not in sync', () => {
  image = { ...image, isr: [1, 2] }
  checker.check()
  image = { ...image, isr: [1, 3] }
  lead(3, 1)
  expect(() => checker.check()).toThrow('was not in the ISR')
})
