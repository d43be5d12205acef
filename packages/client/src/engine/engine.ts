import type { CallOptions } from '../call-options.ts'
import { Consumer } from '../consumer/consumer.ts'
import type { ConsumerCore } from '../consumer/core.ts'
import type { AnyMessage } from '../consumer/message.ts'
import { type AssignedPartition, isPartition } from '../consumer/options.ts'
import { KafkaError } from '../errors.ts'
import type { GroupIdentity, TopicPartition } from '../group/membership.ts'
import { checkOptions, checkPlaces } from '../group/offset-input.ts'
import { integer, optionalValue, resolveOptions } from '../option-table.ts'
import { EngineReader, type EngineReadOptions, ReaderPlace } from './engine-reader.ts'

/** The member of the group that a consumer is, as of now. */
export interface EngineMember extends GroupIdentity {
  readonly state: 'unjoined' | 'joining' | 'stable' | 'left' | 'failed'
  /** The member that assigns the partitions; undefined before the first join, and where the brokers assign (KIP-848). */
  readonly leaderId: string | undefined
  readonly isLeader: boolean
}

/** Every option of `engine.batches()` with its default. */
const engineReadOptions = Object.freeze({
  maxBatchBytes: integer(1 << 20, 1),
  signal: optionalValue<AbortSignal>((value) => value instanceof AbortSignal, 'must be an AbortSignal'),
})

/** What a stream processor needs of a consumer, beyond what the consumer itself offers. */
export class Engine {
  readonly #core: ConsumerCore
  readonly #place: ReaderPlace

  /** @internal */
  constructor(core: ConsumerCore) {
    this.#core = core
    this.#place = new ReaderPlace(core.parts.handOut)
    core.parts.manual.allowChanges()
  }

  /**
   * Iterates over batches that lend their bytes. Several loops at the same time share the partitions: the batches of one partition are
   * never in two of them. `break` puts the batch back and closes nothing.
   */
  batches(options: EngineReadOptions = {}): EngineReader {
    const { maxBatchBytes, signal } = resolveOptions('engine.batches()', engineReadOptions, options)
    const { handOut, marks, poll } = this.#core.parts
    poll.undo()
    return new EngineReader({ handOut, marks }, this.#place, maxBatchBytes, signal)
  }

  /**
   * Replaces the partitions of a consumer without a group membership, also while it reads. Those that are no longer listed are given up
   * as in a revocation; those that stay keep their positions, whatever `offset` says. Resolves when each has a position. Calls follow one
   * another; one that is refused, because a partition does not exist, changes nothing.
   */
  async assign(places: readonly AssignedPartition[], options: CallOptions = {}): Promise<void> {
    checkOptions(options, 'engine.assign()', ['timeoutMs', 'signal'])
    if (!Array.isArray(places) || !places.every((place) => isPartition(place) && typeof place.topic === 'string')) {
      throw new KafkaError(
        'INVALID_ARGUMENT',
        'The argument of engine.assign() must be a list: [{ topic, partition, offset? }]',
      )
    }
    if (this.#core.parts.member !== undefined) {
      throw new KafkaError('INVALID_STATE', 'Cannot assign partitions: the consumer is a member of a group', {
        hint: 'Create the consumer with `assign` instead of `topics`.',
      })
    }
    await this.#core.assign(places, options)
  }

  /** As `consumer.pause`, but also for partitions that are not assigned yet: they are paused when they are. */
  pause(partitions: readonly TopicPartition[]): void {
    checkPlaces(partitions, 'engine.pause()')
    this.#core.pause(partitions)
  }

  /** Tells the watchdog that the application is at work: `maxProcessingMs` starts again for everything in hand. */
  progress(): void {
    this.#core.parts.handOut.progress()
  }

  /** Whether the group is being rebalanced, or partitions are being given up: finish what is in hand. */
  get rebalancing(): boolean {
    const { member, assignment } = this.#core.parts
    if (member?.membership !== undefined && member.state !== 'stable') return true
    for (const { revoking } of assignment.partitions.all) if (revoking) return true
    return false
  }

  /** Undefined for a consumer that is no member of a group. */
  get member(): EngineMember | undefined {
    const { member, identity } = this.#core.parts
    if (member === undefined) return undefined
    const leaderId = member.membership?.leaderId
    return { ...identity, state: member.state, leaderId, isLeader: leaderId === identity.memberId && leaderId !== '' }
  }
}

const engines = new WeakMap<ConsumerCore, Engine>()

/** The engine of a consumer, always the same one. The consumer is used as before, and closed by its own `close`. */
export function engineOf(consumer: Consumer<AnyMessage>): Engine {
  const core = Consumer.coreOf(consumer)
  if (core === undefined) {
    throw new KafkaError('INVALID_ARGUMENT', 'The argument of engineOf() is no consumer of this package', {
      hint: "Import 'ottla' and 'ottla/engine' in the same way: both with import, or both with require.",
    })
  }
  if (core.parts.options.serdes.size > 0) {
    throw new KafkaError('INVALID_ARGUMENT', 'An engine reads bytes, but the consumer has typed topics', {
      hint: 'Name the topics by their names.',
    })
  }
  let engine = engines.get(core)
  if (engine === undefined) {
    engine = new Engine(core)
    engines.set(core, engine)
  }
  return engine
}
