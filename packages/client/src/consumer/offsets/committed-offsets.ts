import type { CallOptions } from '../../call-options.ts'
import type { TopicPartition } from '../../cluster/topology.ts'
import { isTransient } from '../../error-meaning.ts'
import { KafkaError } from '../../errors.ts'
import { deferred } from '../../runtime/deferred.ts'
import { within, withSignal } from '../../runtime/wait.ts'
import type { FoundOffset, OffsetTask } from './offset-batch.ts'
import type { OffsetRequests, OffsetsCluster } from './offset-requests.ts'

export interface CommittedOffset extends TopicPartition, FoundOffset {}

const operation = 'Looking up committed offsets'

/**
 * The commits of the group, in the order of `partitions`; offset -1: none. The deadline counts from the call, default `apiTimeoutMs`.
 * Rejects with the first permanent error, with TIMED_OUT and the last failure as `cause`, with ABORTED, or with the reason of `closing`.
 */
export async function committedOffsets(
  requests: OffsetRequests,
  { runtime, options }: Pick<OffsetsCluster, 'runtime' | 'options'>,
  partitions: readonly TopicPartition[],
  { signal, closing, timeoutMs = options.apiTimeoutMs }: CallOptions & { readonly closing: AbortSignal },
): Promise<CommittedOffset[]> {
  if (partitions.length === 0) return []
  const found = new Array<CommittedOffset>(partitions.length)
  const done = deferred<void>()
  const failures = new Map<OffsetTask, KafkaError>()
  let open = partitions.length
  const tasks = partitions.map(({ topic, partition }, at) => {
    const task = requests.committed(
      { topic, partition },
      {
        found: (offset) => {
          found[at] = { topic, partition, ...offset }
          failures.delete(task)
          if (--open === 0) done.resolve()
        },
        failed: (error) => {
          if (isTransient(error)) {
            failures.set(task, error)
            return 'retry'
          }
          done.reject(error)
          return 'end'
        },
      },
    )
    return task
  })
  const timedOut = () => timedOutError(timeoutMs, [...failures.values()].at(-1))
  try {
    const limits = { operation, timeoutMs, signals: [signal, closing], timedOut }
    await within(runtime, limits, (bounded) => withSignal(done.promise, bounded))
    return found
  } finally {
    for (const task of tasks) task.cancel()
  }
}

function timedOutError(timeoutMs: number, last: KafkaError | undefined): KafkaError {
  const why = last === undefined ? '' : `: ${last.message}`
  return new KafkaError('TIMED_OUT', `${operation} did not succeed within ${timeoutMs} ms${why}`, {
    retriable: true,
    broker: last?.broker,
    topic: last?.topic,
    partition: last?.partition,
    hint: last?.hint,
    cause: last,
  })
}
