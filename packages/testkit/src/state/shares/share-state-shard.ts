import type { ErrorName } from '@ottla/codec'
import { type CoordinatorLog, writeErrorForMember } from '../coordinators/coordinator-log.ts'
import type { MetadataView } from '../metadata-view.ts'
import { combineBatches, type StateBatch } from './share-batches.ts'
import { messageOf } from './share-messages.ts'
import {
  encodeShareState,
  type ShareKey,
  type ShareState,
  type ShareStateRecord,
  type ShareUpdate,
} from './share-state-records.ts'

/** The failure of an operation on a share partition's state. */
export interface ShareFailure {
  readonly error: ErrorName
  readonly message: string
}

export type ShareDone<T> = (result: T | ShareFailure) => void

/** The write succeeded. */
export type Written = { readonly error?: undefined }

export type ReadState = Written & Pick<ShareState, 'stateEpoch' | 'startOffset' | 'batches'>

export type StateSummary = Written & Omit<ShareState, 'snapshotEpoch' | 'batches' | 'createMs' | 'writeMs'>

export interface StateWrite {
  readonly stateEpoch: number
  readonly leaderEpoch: number
  readonly startOffset: number
  readonly deliveryCompleteCount: number
  readonly batches: readonly StateBatch[]
}

export interface ShareStateShardOptions {
  readonly log: Pick<CoordinatorLog, 'write'>
  /** The existing topics. */
  readonly view: Pick<MetadataView, 'topicById'>
  readonly nowMs: () => number
  /** share.coordinator.snapshot.update.records.per.snapshot */
  readonly updatesPerSnapshot: number
  /** The current log end offset. */
  readonly endOffset: () => number
}

interface Entry {
  readonly key: ShareKey
  readonly state: ShareState
  readonly leaderEpoch: number
  readonly stateEpoch: number
  readonly updates: number
  /** The offset of the last snapshot: earlier records are not needed. */
  readonly offset: number
}

const written: Written = {}

/** The share partitions' states in one partition of __share_group_state, on its leader. */
export class ShareStateShard {
  readonly #options: ShareStateShardOptions
  readonly #entries = new Map<string, Entry>()

  constructor(options: ShareStateShardOptions) {
    this.#options = options
  }

  /** Records of the log before this offset are not needed. */
  get firstNeeded(): number {
    let first = this.#options.endOffset()
    for (const { offset } of this.#entries.values()) first = Math.min(first, offset)
    return first
  }

  /** Applies a record of the log. */
  replay(record: ShareStateRecord, offset: number): void {
    const name = nameOf(record.key)
    const before = this.#entries.get(name)
    if (record.kind === 'snapshot' && record.state === undefined) {
      this.#entries.delete(name)
      return
    }
    const state = record.kind === 'snapshot' ? (record.state as ShareState) : merged(before?.state, record.update)
    const updates = before?.updates ?? 0
    const isFull = updates >= this.#options.updatesPerSnapshot
    this.#entries.set(name, {
      key: record.key,
      state,
      leaderEpoch: Math.max(before?.leaderEpoch ?? state.leaderEpoch, state.leaderEpoch),
      stateEpoch: Math.max(before?.stateEpoch ?? state.stateEpoch, state.stateEpoch),
      updates: record.kind === 'update' ? updates + 1 : isFull ? 0 : updates,
      offset: record.kind === 'update' ? (before?.offset ?? offset) : offset,
    })
  }

  initialize(key: ShareKey, state: Pick<ShareState, 'stateEpoch' | 'startOffset'>, done: ShareDone<Written>): void {
    const { stateEpoch, startOffset } = state
    const before = this.#entries.get(nameOf(key))
    let failure = negative(key)
    if (failure === undefined && stateEpoch !== -1 && before !== undefined && before.stateEpoch > stateEpoch) {
      failure = failed('FENCED_STATE_EPOCH')
    }
    failure ??= this.#unknown(key)
    if (failure !== undefined) {
      done(failure)
      return
    }
    const nowMs = this.#options.nowMs()
    const next: ShareState = {
      snapshotEpoch: before === undefined ? 0 : before.state.snapshotEpoch + 1,
      ...{ stateEpoch, startOffset, leaderEpoch: 0, batches: [], createMs: nowMs, writeMs: nowMs },
      deliveryCompleteCount: startOffset === -1 ? -1 : 0,
    }
    this.#write({ kind: 'snapshot', key, state: next }, 'initialize', (error) => done(error ?? written))
  }

  /** Reads the state for a new partition leader; an older leader epoch is fenced. */
  read(key: ShareKey, leaderEpoch: number, done: ShareDone<ReadState>): void {
    const entry = this.#entries.get(nameOf(key))
    const failure = this.#refusal(key, entry, leaderEpoch, 'Read')
    if (failure !== undefined || entry === undefined) {
      done(failure ?? failed('UNKNOWN_SERVER_ERROR'))
      return
    }
    const { stateEpoch, startOffset, batches, deliveryCompleteCount } = entry.state
    const respond = (error: ShareFailure | undefined) => done(error ?? { stateEpoch, startOffset, batches })
    if (leaderEpoch === -1 || entry.leaderEpoch === leaderEpoch) {
      this.#options.log.write([], { done: (error) => respond(logFailure(error, 'read')) })
      return
    }
    const record = this.#recordOf(entry, { startOffset, deliveryCompleteCount, leaderEpoch, batches: [] })
    this.#write(record, 'read', respond)
  }

  write(key: ShareKey, write: StateWrite, done: ShareDone<Written>): void {
    const entry = this.#entries.get(nameOf(key))
    const { stateEpoch, leaderEpoch } = write
    let failure = this.#fenced(key, entry, leaderEpoch, 'Write')
    if (failure === undefined && entry !== undefined && stateEpoch !== -1 && entry.stateEpoch > stateEpoch) {
      failure = failed('FENCED_STATE_EPOCH')
    }
    failure ??= this.#unknown(key)
    if (failure !== undefined || entry === undefined) {
      done(failure ?? failed('UNKNOWN_SERVER_ERROR'))
      return
    }
    const record = this.#recordOf(entry, { ...write, leaderEpoch: entry.state.leaderEpoch })
    this.#write(record, 'write', (error) => done(error ?? written))
  }

  remove(key: ShareKey, done: ShareDone<Written>): void {
    const failure = negative(key) ?? this.#unknown(key)
    if (failure !== undefined) done(failure)
    else if (!this.#entries.has(nameOf(key))) done(written)
    else this.#write({ kind: 'snapshot', key, state: undefined }, 'delete', (error) => done(error ?? written))
  }

  /** The share partition's start offset and epochs, if it has state. */
  summary(key: ShareKey, done: ShareDone<StateSummary>): void {
    const failure = negative(key) ?? this.#unknown(key)
    if (failure !== undefined) {
      done(failure)
      return
    }
    const state = this.#entries.get(nameOf(key))?.state
    const { stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount } = state ?? unknownState
    this.#options.log.write([], {
      done: (error) =>
        done(logFailure(error, 'read') ?? { stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount }),
    })
  }

  /** A topic was deleted: removes its share partitions. */
  forgetTopic(topicId: string): void {
    const gone = [...this.#entries.values()].filter(({ key }) => key.topicId === topicId)
    for (const { key } of gone) this.#write({ kind: 'snapshot', key, state: undefined }, 'delete', () => {})
  }

  /** Writes small updates, and after some of them a snapshot of the whole state. */
  #recordOf({ key, state, updates }: Entry, change: Omit<StateWrite, 'stateEpoch'>): ShareStateRecord {
    const { leaderEpoch, deliveryCompleteCount } = change
    if (updates < this.#options.updatesPerSnapshot) {
      const batches = combineBatches([], change.batches, change.startOffset)
      const { startOffset } = change
      const { snapshotEpoch } = state
      return {
        kind: 'update',
        key,
        update: { snapshotEpoch, leaderEpoch, startOffset, deliveryCompleteCount, batches },
      }
    }
    const nowMs = this.#options.nowMs()
    const startOffset = change.startOffset === -1 ? state.startOffset : change.startOffset
    const next: ShareState = {
      ...{ leaderEpoch, startOffset, deliveryCompleteCount, createMs: nowMs, writeMs: nowMs },
      snapshotEpoch: state.snapshotEpoch + 1,
      stateEpoch: state.stateEpoch,
      batches: combineBatches(state.batches, change.batches, startOffset),
    }
    return { kind: 'snapshot', key, state: next }
  }

  #refusal(key: ShareKey, entry: Entry | undefined, leaderEpoch: number, what: string): ShareFailure | undefined {
    return this.#fenced(key, entry, leaderEpoch, what) ?? this.#unknown(key)
  }

  #fenced(key: ShareKey, entry: Entry | undefined, leaderEpoch: number, what: string): ShareFailure | undefined {
    const failure = negative(key)
    if (failure !== undefined) return failure
    if (entry === undefined) {
      return { error: 'INVALID_REQUEST', message: `${what} operation on uninitialized share partition not allowed.` }
    }
    return leaderEpoch !== -1 && entry.leaderEpoch > leaderEpoch ? failed('FENCED_LEADER_EPOCH') : undefined
  }

  #unknown({ topicId, partition }: ShareKey): ShareFailure | undefined {
    const count = this.#options.view.topicById(topicId)?.partitions.length ?? 0
    return partition < count ? undefined : failed('UNKNOWN_TOPIC_OR_PARTITION')
  }

  #write(record: ShareStateRecord, verb: string, done: (failure: ShareFailure | undefined) => void): void {
    this.#options.log.write([encodeShareState(record)], {
      appended: () => this.replay(record, this.#options.endOffset() - 1),
      done: (error) => done(logFailure(error, verb)),
    })
  }
}

const unknownState = { stateEpoch: 0, leaderEpoch: 0, startOffset: -1, deliveryCompleteCount: -1 } as const

function negative({ partition }: ShareKey): ShareFailure | undefined {
  if (partition >= 0) return undefined
  return { error: 'INVALID_REQUEST', message: 'The partition id cannot be a negative number.' }
}

/** A failure with Kafka's message for the error. */
export function failed(error: ErrorName): ShareFailure {
  return { error, message: messageOf(error) }
}

function logFailure(error: ErrorName | undefined, verb: string): ShareFailure | undefined {
  if (error === undefined) return undefined
  const { message } = failed(error)
  return { error: writeErrorForMember(error), message: `Unable to ${verb} share group state: ${message}` }
}

function merged(before: ShareState | undefined, update: ShareUpdate): ShareState {
  if (before === undefined) return { ...update, stateEpoch: 0, createMs: 0, writeMs: 0 }
  const startOffset = update.startOffset === -1 ? before.startOffset : update.startOffset
  return {
    ...before,
    startOffset,
    deliveryCompleteCount: update.deliveryCompleteCount,
    leaderEpoch: update.leaderEpoch === -1 ? before.leaderEpoch : update.leaderEpoch,
    batches: combineBatches(before.batches, update.batches, startOffset),
  }
}

function nameOf({ groupId, topicId, partition }: ShareKey): string {
  return `${topicId}:${partition}:${groupId}`
}
