import type { Runtime } from '@ottla/runtime'
import { textOf } from '../../error-data.ts'
import { describePartition, KafkaError, optionError } from '../../errors.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { UnreadableRange } from '../partition/unreadable-range.ts'
import { describeError, type UnreadableBatch } from './failure.ts'
import { describedHeaders, ownNames } from './failure-headers.ts'
import type { ResolvedDeadLetter } from './failure-options.ts'
import { type FailureSender, unsentError } from './failure-sender.ts'

/** What happens to a batch that cannot be read. */
export type UnreadableAction = 'fail' | 'skip' | 'dead-letter'

/**
 * What happens to a batch that cannot be read, because it is corrupt, compressed in an unknown way or too large. 'fail': the reader
 * rejects, and the partition is not read until a seek. 'skip': its records are lost to this consumer, on purpose. 'dead-letter': a
 * description is stored in the topic of the option `deadLetter`, and then it is skipped. A function decides for each batch.
 */
export type OnUnreadable = UnreadableAction | ((batch: UnreadableBatch) => UnreadableAction | Promise<UnreadableAction>)

export interface UnreadablePolicy {
  readonly decision: OnUnreadable
  /** Undefined: there is none, or it has a function for the topic, which needs a record. */
  readonly deadLetter: (ResolvedDeadLetter & { readonly topic: string }) | undefined
}

export interface UnreadableNotice extends UnreadableBatch {
  readonly action: 'skipped' | 'dead-lettered'
}

export interface UnreadableHost {
  readonly runtime: Runtime
  readonly policy: UnreadablePolicy
  readonly groupId: string | undefined
  readonly sender: FailureSender
  /** The reader rejects, and the partition is not read until a seek. */
  fail(partition: AssignedPartition, error: KafkaError): void
  onSkipped(partition: AssignedPartition, notice: UnreadableNotice): void
}

const owner = 'kafka.consumer()'
const option = 'onUnreadable'
const actions: readonly unknown[] = ['fail', 'skip', 'dead-letter']

/** Validates the option; throws INVALID_OPTION. */
export function resolveOnUnreadable(
  decision: OnUnreadable = 'fail',
  deadLetter: ResolvedDeadLetter | undefined,
): UnreadablePolicy {
  if (typeof decision !== 'function' && !actions.includes(decision)) {
    throw optionError(option, owner, "must be 'fail', 'skip', 'dead-letter' or a function")
  }
  const topic = deadLetter?.topic
  if (deadLetter !== undefined && typeof topic === 'string') return { decision, deadLetter: { ...deadLetter, topic } }
  if (decision === 'dead-letter') {
    const hint = 'A function chooses the topic of a record; of a batch that cannot be read there is none.'
    throw optionError(option, owner, "is 'dead-letter', which needs the name of a topic in 'deadLetter.topic'", hint)
  }
  return { decision, deadLetter: undefined }
}

/** Decides about batches that cannot be read, once everything before them was delivered. */
export class UnreadableBatches {
  readonly #host: UnreadableHost

  constructor(host: UnreadableHost) {
    this.#host = host
  }

  /** `range` undefined: what is unreadable is not a batch, or it is not known where it ends. */
  handle(partition: AssignedPartition, cause: unknown, range: UnreadableRange | undefined): void {
    const error = unreadableError(partition, cause, range)
    if (this.#host.policy.decision === 'fail' || range === undefined || KafkaError.is(cause))
      this.#host.fail(partition, error)
    else void this.#decide(partition, range, error)
  }

  async #decide(partition: AssignedPartition, range: UnreadableRange, error: KafkaError): Promise<void> {
    const { era } = partition
    const { next } = partition.progress
    const { topic, partition: index } = partition
    const batch = {
      ...{ topic, partition: index, error },
      firstOffset: BigInt(Math.max(range.start, next)),
      lastOffset: BigInt(range.end - 1),
    }
    // It was sought, revoked, or an item before it was returned meanwhile: then it is found again.
    const isSame = () => partition.era === era && partition.progress.next === next && partition.buffer.isUnreadable
    let action: UnreadableNotice['action'] | 'fail'
    try {
      action = await this.#act(partition, batch)
    } catch (failure) {
      if (isSame()) this.#host.fail(partition, undecidedError(error, failure))
      return
    }
    if (!isSame()) return
    if (action === 'fail') {
      this.#host.fail(partition, error)
      return
    }
    partition.skipUnreadable(range)
    this.#host.onSkipped(partition, { ...batch, action })
  }

  async #act(partition: AssignedPartition, batch: UnreadableBatch): Promise<UnreadableNotice['action'] | 'fail'> {
    const { decision, deadLetter } = this.#host.policy
    const action = typeof decision === 'function' ? await decision(batch) : decision
    if (action === 'fail') return 'fail'
    if (action === 'skip') return 'skipped'
    if (action !== 'dead-letter') throw new TypeError("the function returned none of 'fail', 'skip' and 'dead-letter'")
    if (deadLetter === undefined) throw new TypeError("there is no option 'deadLetter' with the name of a topic")
    await this.#bury(deadLetter, partition, batch)
    return 'dead-lettered'
  }

  async #bury(
    deadLetter: ResolvedDeadLetter & { readonly topic: string },
    { signal }: AssignedPartition,
    batch: UnreadableBatch,
  ): Promise<void> {
    const { sender, groupId } = this.#host
    const { topic, producer, timeoutMs, headers } = deadLetter
    const what = 'description of an unreadable batch'
    const { name, message } = describeError(batch.error)
    const value = JSON.stringify({
      ...{ topic: batch.topic, partition: batch.partition },
      firstOffset: String(batch.firstOffset),
      lastOffset: String(batch.lastOffset),
      error: { name, message },
    })
    const original = {
      ...{ topic: batch.topic, partition: batch.partition, offset: batch.firstOffset },
      timestamp: -1,
      timestampType: 'create' as const,
    }
    const format = typeof headers === 'function' ? 'ottla' : headers
    try {
      await sender.send(
        (detail) => ({
          topic,
          key: null,
          value,
          headers: [
            ...describedHeaders(format, { original, groupId, attempts: 0, error: batch.error }, detail),
            { key: ownNames.unreadable, value: String(batch.lastOffset) },
          ],
        }),
        { producer, timeoutMs, signal },
        what,
      )
    } catch (error) {
      throw unsentError(what, topic, error)
    }
  }
}

/** The error for a partition whose next batch cannot be read. */
function unreadableError(
  { topic, partition, progress }: AssignedPartition,
  cause: unknown,
  range: UnreadableRange | undefined,
): KafkaError {
  if (KafkaError.is(cause)) return cause
  const offset = progress.next
  const to = range === undefined ? '' : ` to ${range.end - 1}`
  const message = `Reading ${describePartition({ topic, partition, offset })}${to} failed: ${textOf(cause)}`
  return new KafkaError('CORRUPT_MESSAGE', message, {
    topic,
    partition,
    offset: BigInt(offset),
    cause,
    hint: "Seek beyond the batch to continue without it, or set 'onUnreadable': reading this partition has stopped.",
  })
}

function undecidedError(error: KafkaError, failure: unknown): KafkaError {
  const message = `${error.message}; option '${option}' failed: ${textOf(failure)}`
  return error.with({ message, cause: failure })
}
