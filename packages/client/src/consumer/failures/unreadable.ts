import type { Runtime } from '@ottla/runtime'
import { textOf } from '../../error-data.ts'
import { describePartition, KafkaError, optionError } from '../../errors.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { UnreadableRange } from '../partition/unreadable-range.ts'
import { describeError, type UnreadableBatch } from './failure.ts'
import { describedHeaders, ownNames } from './failure-headers.ts'
import { type DeadLetterOptions, type ResolvedDeadLetter, resolveDeadLetter } from './failure-options.ts'
import { type FailureSender, unsentError } from './failure-sender.ts'

/** A dead letter that describes a batch: there is no record whose bytes could be sent. */
export interface UnreadableDeadLetter extends Omit<DeadLetterOptions, 'topic' | 'headers'> {
  readonly topic: string
  /** Default 'ottla'. */
  readonly headers?: 'ottla' | 'spring' | 'connect' | undefined
}

/**
 * What happens to a batch that cannot be read, because it is corrupt, compressed in an unknown way or too large. 'fail': the reader
 * rejects, and the partition is not read until a seek. 'skip': its records are lost to this consumer, on purpose. `{ deadLetter }`: a
 * description is sent, and then it is skipped. A function decides for each batch.
 */
export type OnUnreadable =
  | 'fail'
  | 'skip'
  | { readonly deadLetter: UnreadableDeadLetter }
  | ((batch: UnreadableBatch) => 'fail' | 'skip' | Promise<'fail' | 'skip'>)

export type UnreadablePolicy =
  | 'fail'
  | 'skip'
  | { readonly deadLetter: ResolvedDeadLetter & { readonly topic: string } }
  | ((batch: UnreadableBatch) => unknown)

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

/** Validates the option; throws INVALID_OPTION. */
export function resolveOnUnreadable(given: OnUnreadable | undefined): UnreadablePolicy {
  if (given === undefined) return 'fail'
  if (given === 'fail' || given === 'skip' || typeof given === 'function') return given
  if (typeof given !== 'object' || given === null || Object.keys(given).join() !== 'deadLetter') {
    throw optionError(option, owner, "must be 'fail', 'skip', { deadLetter } or a function")
  }
  const prefix = `${option}.deadLetter.`
  const { topic, headers } = given.deadLetter ?? {}
  if (typeof topic === 'function') throw optionError(`${prefix}topic`, owner, 'must be the name of a topic')
  if (typeof headers === 'function') throw optionError(`${prefix}headers`, owner, 'must not be a function')
  return { deadLetter: { ...resolveDeadLetter(given.deadLetter, owner, prefix), topic } }
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
    if (this.#host.policy === 'fail' || range === undefined || KafkaError.is(cause)) this.#host.fail(partition, error)
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
    const { policy } = this.#host
    if (typeof policy === 'function') {
      const decision = await policy(batch)
      if (decision === 'skip') return 'skipped'
      if (decision === 'fail') return 'fail'
      throw new TypeError("the function returned neither 'skip' nor 'fail'")
    }
    if (policy === 'skip' || policy === 'fail') return policy === 'skip' ? 'skipped' : 'fail'
    await this.#bury(policy.deadLetter, partition, batch)
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
