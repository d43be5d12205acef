import { decodeMessage, ShareSnapshotKey, ShareSnapshotValue, ShareUpdateKey, ShareUpdateValue } from '@ottla/codec'
import { type CoordinatorRecord, int16, prefixed } from '../coordinators/coordinator-record.ts'
import type { StateBatch } from './share-batches.ts'

/** Identifies a share partition. */
export interface ShareKey {
  readonly groupId: string
  readonly topicId: string
  readonly partition: number
}

/** The key in FindCoordinator: `group:topicId:partition`. */
export function shareKeyText({ groupId, topicId, partition }: ShareKey): string {
  return `${groupId}:${topicId}:${partition}`
}

/** True for the key of a share partition; the group id may contain colons. */
export function isShareKeyText(text: string): boolean {
  const parts = /^(.+):([^:]+):([+-]?\d{1,10})$/s.exec(text)
  if (parts === null) return false
  const [, groupId = '', topicId = '', partition = ''] = parts
  const isInt = Math.abs(Number(partition)) <= 0x7fffffff
  return groupId.trim() !== '' && /^[A-Za-z0-9_-]{22}$/.test(topicId) && isInt
}

/** A share partition's state at its coordinator. */
export interface ShareState {
  readonly snapshotEpoch: number
  readonly stateEpoch: number
  readonly leaderEpoch: number
  /** -1: not decided yet. */
  readonly startOffset: number
  /** The number of records in a final state from the start offset on; -1: unknown. */
  readonly deliveryCompleteCount: number
  readonly batches: readonly StateBatch[]
  readonly createMs: number
  readonly writeMs: number
}

/** A change of the last snapshot's state. */
export type ShareUpdate = Omit<ShareState, 'stateEpoch' | 'createMs' | 'writeMs'>

export type ShareStateRecord =
  | { readonly kind: 'snapshot'; readonly key: ShareKey; readonly state: ShareState | undefined }
  | { readonly kind: 'update'; readonly key: ShareKey; readonly update: ShareUpdate }

// Kafka's record types: the first two bytes of a key.
const SHARE_SNAPSHOT = 0
const SHARE_UPDATE = 1

export function encodeShareState(record: ShareStateRecord): CoordinatorRecord {
  if (record.kind === 'update') {
    const { startOffset, batches, ...update } = record.update
    const value = { ...update, startOffset: BigInt(startOffset), stateBatches: onWire(batches) }
    return {
      key: prefixed(SHARE_UPDATE, ShareUpdateKey, 0, record.key),
      value: prefixed(0, ShareUpdateValue, 0, value),
    }
  }
  const key = prefixed(SHARE_SNAPSHOT, ShareSnapshotKey, 0, record.key)
  if (record.state === undefined) return { key, value: null }
  const { startOffset, batches, createMs, writeMs, ...state } = record.state
  const value = prefixed(0, ShareSnapshotValue, 0, {
    ...state,
    startOffset: BigInt(startOffset),
    createTimestamp: BigInt(createMs),
    writeTimestamp: BigInt(writeMs),
    stateBatches: onWire(batches),
  })
  return { key, value }
}

/** Decodes a record of the log; undefined for an unknown type. */
export function decodeShareState({ key, value }: CoordinatorRecord): ShareStateRecord | undefined {
  const type = int16(key)
  if (type === SHARE_SNAPSHOT) {
    const { groupId, topicId, partition } = decodeMessage(ShareSnapshotKey, 0, key.subarray(2))
    const at = { groupId, topicId, partition }
    if (value === null) return { kind: 'snapshot', key: at, state: undefined }
    const read = decodeMessage(ShareSnapshotValue, int16(value), value.subarray(2))
    const { snapshotEpoch, stateEpoch, leaderEpoch, deliveryCompleteCount } = read
    const state = {
      ...{ snapshotEpoch, stateEpoch, leaderEpoch, deliveryCompleteCount },
      startOffset: Number(read.startOffset),
      batches: fromWire(read.stateBatches),
      createMs: Number(read.createTimestamp),
      writeMs: Number(read.writeTimestamp),
    }
    return { kind: 'snapshot', key: at, state }
  }
  if (type !== SHARE_UPDATE || value === null) return undefined
  const { groupId, topicId, partition } = decodeMessage(ShareUpdateKey, 0, key.subarray(2))
  const read = decodeMessage(ShareUpdateValue, int16(value), value.subarray(2))
  const { snapshotEpoch, leaderEpoch, deliveryCompleteCount } = read
  const update = {
    ...{ snapshotEpoch, leaderEpoch, deliveryCompleteCount },
    startOffset: Number(read.startOffset),
    batches: fromWire(read.stateBatches),
  }
  return { kind: 'update', key: { groupId, topicId, partition }, update }
}

interface WireBatch extends Omit<StateBatch, 'firstOffset' | 'lastOffset'> {
  readonly firstOffset: bigint
  readonly lastOffset: bigint
}

/** Batches as they are encoded in messages. */
export const onWire = (batches: readonly StateBatch[]): WireBatch[] =>
  batches.map((batch) => ({
    ...batch,
    firstOffset: BigInt(batch.firstOffset),
    lastOffset: BigInt(batch.lastOffset),
  }))

export const fromWire = (batches: readonly WireBatch[]): StateBatch[] =>
  batches.map(({ firstOffset, lastOffset, deliveryState, deliveryCount }) => ({
    ...{ deliveryState, deliveryCount },
    firstOffset: Number(firstOffset),
    lastOffset: Number(lastOffset),
  }))
