import { describePartition, KafkaError } from '../../errors.ts'
import { endReasonOf, type ItemPlace } from '../item-place.ts'
import { type AnyMessage, Message, MessageBatch } from '../message.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import type { EndReason } from '../partition/era.ts'
import type { Deliveries } from './delivery.ts'

/** What can be marked as processed: a message, a batch, or several messages. */
export type Item = AnyMessage | MessageBatch<AnyMessage> | Iterable<AnyMessage>

/** The outcome of a call of `done`. */
export interface Marked {
  readonly partitions: ReadonlySet<AssignedPartition>
  /** Of the items of partitions that were revoked or repositioned meanwhile. */
  readonly refusal: KafkaError | undefined
}

/** An item that may not be marked any more: the first one of its partition. */
interface Refusal {
  readonly place: ItemPlace
  readonly reason: EndReason
}

/** Marks items as processed, for `done` and `commit`. */
export class Marks {
  readonly #deliveries: Deliveries
  readonly #isOwn: (partition: AssignedPartition) => boolean

  constructor(deliveries: Deliveries, isOwn: (partition: AssignedPartition) => boolean) {
    this.#deliveries = deliveries
    this.#isOwn = isOwn
  }

  /** Throws, and marks nothing, if an item is none. Those that may not be marked any more do not affect the others of a list. */
  done(item: Item, caller: string): Marked {
    return this.#mark(this.#placesOf(item, caller))
  }

  /** The same; and what a loop has passed before the items counts as processed too. */
  doneUpTo(item: Item, caller: string): Marked {
    const places = this.#placesOf(item, caller)
    const marked = this.#mark(places)
    for (const { batch, start } of places) {
      const { owner, ordered } = batch
      if (ordered && marked.partitions.has(owner)) owner.progress.settleBefore(this.#passedBefore(owner, start))
    }
    return marked
  }

  /** Marks the records of one place. Throws if they may not be marked any more. */
  donePlace(place: ItemPlace): void {
    const { refusal } = this.#mark([place])
    if (refusal !== undefined) throw refusal
  }

  #mark(places: readonly ItemPlace[]): Marked {
    const partitions = new Set<AssignedPartition>()
    const refused = new Map<AssignedPartition, Refusal>()
    for (const place of places) {
      const { owner } = place.batch
      const reason = endReasonOf(place)
      if (reason === undefined) {
        owner.progress.settle(place.start, place.end)
        partitions.add(owner)
      } else if (!refused.has(owner)) refused.set(owner, { place, reason })
    }
    this.#deliveries.changed()
    const [first] = refused.values()
    return { partitions, refusal: first && refusalError(first, refused.size, partitions.size > 0) }
  }

  /** Where the items in hand begin, if that is before `start`. */
  #passedBefore(partition: AssignedPartition, start: number): number {
    let before = start
    for (const delivery of this.#deliveries) {
      if (delivery.partition === partition && delivery.era === partition.era) before = Math.min(before, delivery.start)
    }
    return before
  }

  #placesOf(item: Item, caller: string): ItemPlace[] {
    if (item instanceof Message) return [this.#own(Message.placeOf(item), caller)]
    if (item instanceof MessageBatch) return [this.#own(MessageBatch.placeOf(item), caller)]
    if (typeof item !== 'object' || item === null || !(Symbol.iterator in item)) throw notAnItem(caller)
    return Array.from(item, (message) => {
      if (!(message instanceof Message)) throw notAnItem(caller)
      return this.#own(Message.placeOf(message), caller)
    })
  }

  #own(place: ItemPlace, caller: string): ItemPlace {
    if (this.#isOwn(place.batch.owner)) return place
    const { topic, partition } = place.batch.owner
    const message = `Cannot mark ${describePartition({ topic, partition })}: another consumer delivered the message`
    throw new KafkaError('INVALID_ARGUMENT', message, {
      topic,
      partition,
      hint: `Pass it to ${caller} of the consumer that it was read from.`,
    })
  }
}

const hints: Record<EndReason, string> = {
  lost: 'Skip it: the member that has the partition now reads it again.',
  sought: 'Mark messages before you seek: a seek starts the progress of the partition again.',
  reset: 'Skip it: the log no longer contains it.',
  recreated: 'Skip it: the topic was deleted and created again, and its offsets mean other records now.',
}

const whys: Record<EndReason, string> = {
  lost: 'the partition was revoked or repositioned after this message was read',
  sought: 'the partition was revoked or repositioned after this message was read',
  reset: 'the log lost it after it was read, and the position was reset',
  recreated: 'the topic was deleted and created again after this message was read',
}

function refusalError({ place, reason }: Refusal, count: number, someAreMarked: boolean): KafkaError {
  const { topic, partition } = place.batch.owner
  const offset = place.end - 1
  const others = count > 1 ? `; ${count - 1} more partitions ended too` : ''
  const marked = someAreMarked ? '; the messages of the other partitions are marked' : ''
  const at = describePartition({ topic, partition, offset })
  return new KafkaError('INVALID_STATE', `Cannot mark ${at} as done: ${whys[reason]}${others}${marked}`, {
    topic,
    partition,
    offset: BigInt(offset),
    hint: hints[reason],
  })
}

function notAnItem(caller: string): KafkaError {
  return new KafkaError(
    'INVALID_ARGUMENT',
    `The argument of ${caller} is not a message, a batch or a list of messages`,
    {
      hint: 'Pass a message or batch of this consumer itself: a detached or parsed copy does not name its place.',
    },
  )
}
