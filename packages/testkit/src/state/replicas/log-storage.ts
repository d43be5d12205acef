import type { ErrorName } from '@ottla/codec'
import type { ReplicaLog } from './replica-log.ts'

/** Identifies a replica on its broker. */
export interface ReplicaPlace {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
}

/** The disk of one broker. */
export interface LogStorage {
  /** Writes must not be acknowledged before `whenDurable`. */
  readonly awaitsSync: boolean
  /** The stored log of a replica, or a new one. */
  open(place: ReplicaPlace): ReplicaLog
  /** Deletes the files of a removed replica. */
  remove(place: ReplicaPlace): void
  /** The disk was replaced: deletes everything. */
  wipe(): void
  /** Calls `done` when all writes so far are durable; immediately when `awaitsSync` is false. */
  whenDurable(done: (error: ErrorName) => void): void
}

/** Waits with `wait`, then until the writes are durable. Returns a function that cancels the wait; `done` is then not called. */
export function untilDurable(
  storage: LogStorage | undefined,
  wait: (done: (error: ErrorName) => void) => () => void,
  done: (error: ErrorName) => void,
): () => void {
  if (storage?.awaitsSync !== true) return wait(done)
  let isStopped = false
  const finish = (error: ErrorName): void => {
    if (!isStopped) done(error)
  }
  const stop = wait((error) => {
    if (error === 'NONE') storage.whenDurable(finish)
    else finish(error)
  })
  return () => {
    isStopped = true
    stop()
  }
}
