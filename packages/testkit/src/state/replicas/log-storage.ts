import type { ErrorName } from '@ottla/codec'
import type { ReplicaLog } from './replica-log.ts'

/** Which replica on its broker. */
export interface ReplicaPlace {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
}

/** The disk of one broker. */
export interface LogStorage {
  /** Whoever was told that records are written may have to wait for `whenDurable` first. */
  readonly awaitsSync: boolean
  /** A replica's log as it was found, or a new one. */
  open(place: ReplicaPlace): ReplicaLog
  /** The replica is no more: its files go. */
  remove(place: ReplicaPlace): void
  /** The disk is another one. */
  wipe(): void
  /** Calls `done` when what was written so far survives; at once where nobody has to wait. */
  whenDurable(done: (error: ErrorName) => void): void
}

/** Waits as `wait` does, and then until what was written survives. Returns what ends the waiting without a call. */
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
