import { isTransient, meaningOf } from '../../error-meaning.ts'
import type { KafkaError } from '../../errors.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { Obstacle } from '../partition/trouble.ts'
import type { FoundOffset, LookupListener, OffsetTask, Verdict } from './offset-batch.ts'

export interface Lookup {
  start(listener: LookupListener): OffsetTask
  found(found: FoundOffset): void
  /** The broker does not have the API in a usable version. Without it, that is an error like others. */
  readonly unsupported?: () => void
  /** Starts the same look-up for a recreated topic. Undefined: it has no meaning there. */
  readonly restart?: (() => void) | undefined
}

export interface LookupsHost {
  nowMs(): number
  /** An attempt failed; another one follows. */
  onObstacle(partition: AssignedPartition): void
  /** A permanent error: the look-up has ended. */
  onRefused(partition: AssignedPartition, error: KafkaError): void
}

interface Running {
  readonly task: OffsetTask
  readonly lookup: Lookup
}

/**
 * The look-ups for positions, at most one per partition. Meanwhile the partition is not fetched, and its state says what the last attempt
 * failed with. A result is dropped when the partition was moved or released since the look-up began.
 */
export class PartitionLookups {
  readonly #host: LookupsHost
  readonly #running = new Map<AssignedPartition, Running>()

  constructor(host: LookupsHost) {
    this.#host = host
  }

  has(partition: AssignedPartition): boolean {
    return this.#running.has(partition)
  }

  restartOf(partition: AssignedPartition): (() => void) | undefined {
    return this.#running.get(partition)?.lookup.restart
  }

  cancel(partition: AssignedPartition): void {
    this.#running.get(partition)?.task.cancel()
    this.#running.delete(partition)
  }

  /** Replaces the current look-up of the partition. */
  run(partition: AssignedPartition, lookup: Lookup): void {
    this.cancel(partition)
    partition.obstruct('resolving', undefined, this.#host.nowMs())
    const { era } = partition
    const isCurrent = () => partition.owned && partition.era === era
    const end = (): boolean => {
      if (this.#running.get(partition)?.task !== task) return false
      this.cancel(partition)
      return isCurrent()
    }
    const task = lookup.start({
      found: (found) => {
        if (end()) lookup.found(found)
      },
      failed: (error) => {
        const isUnsupported = lookup.unsupported !== undefined && meaningOf(error.code).unsupportedVersion
        if (isCurrent() && !isUnsupported) return this.#failed(partition, error, task.failures)
        if (end()) lookup.unsupported?.()
        return 'end'
      },
    })
    this.#running.set(partition, { task, lookup })
  }

  #failed(partition: AssignedPartition, error: KafkaError, failures: number): Verdict {
    const obstacle = obstacleOf(error, failures)
    if (obstacle === undefined) {
      this.cancel(partition)
      this.#host.onRefused(partition, error)
      return 'end'
    }
    partition.obstruct(obstacle, error, this.#host.nowMs())
    this.#host.onObstacle(partition)
    return obstacle === 'forbidden' ? 'retry-slowly' : 'retry'
  }
}

/** After this many attempts, responses that cannot be read are no disturbance of a connection. */
const mostUnreadable = 3

/** Undefined: the error is permanent. `failures`: how many attempts failed before. */
function obstacleOf(error: KafkaError, failures: number): Obstacle | undefined {
  const { forbidden, missingTopic, noLeader, unreadable } = meaningOf(error.code)
  if (forbidden === 'topic') return 'forbidden'
  if (unreadable && failures < mostUnreadable) return 'backing-off'
  if (!isTransient(error)) return undefined
  return missingTopic || noLeader ? 'no-leader' : 'backing-off'
}
