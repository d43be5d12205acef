import { textOf } from '../../error-data.ts'
import { describePartition, KafkaError } from '../../errors.ts'
import { Message } from '../message.ts'
import { type DeliveredBatch, type Deliveries, Delivery } from '../reading/delivery.ts'
import { decodeError, type Fault } from './decode-error.ts'

/** A record of a typed topic whose key or value cannot be decoded. */
export interface BadRecord {
  /** Key and value are bytes. Its `signal` aborts as that of any message. */
  readonly message: Message
  readonly field: 'key' | 'value'
  /** DESERIALIZE_FAILED with the place; `issues` has those of a schema. */
  readonly error: KafkaError
}

export type BadRecordAction = 'fail' | 'skip' | 'dead-letter'

/** What to do with records that cannot be decoded. A function may write the record elsewhere before it returns 'skip'. */
export type BadRecordPolicy = BadRecordAction | ((record: BadRecord) => BadRecordAction | Promise<BadRecordAction>)

/** The port to what writes dead letters. The position moves over the record when the promise resolves. */
export interface BadRecordSink {
  write(record: BadRecord): Promise<void>
}

export interface BadRecordHost {
  readonly policy: BadRecordPolicy
  readonly deliveries: Deliveries
  /** Undefined: no dead letter topic is configured. */
  readonly sink: BadRecordSink | undefined
  /** The reader rejects. */
  fail(error: KafkaError): void
  /** A bad record is disposed of, and its batch is read on. */
  putBack(batch: DeliveredBatch): void
  counted(records: number): void
  onBadRecord(record: BadRecord, action: BadRecordAction): void
}

/** Applies the policy for bad records, in the order of the partition: nothing after a bad record is delivered before it is decided. */
export class BadRecords {
  readonly #host: BadRecordHost

  constructor(host: BadRecordHost) {
    this.#host = host
  }

  /**
   * The record at which the batch stopped cannot be decoded. True: it is skipped. False: the reader must leave the batch; the position
   * stays at the record until it is disposed of.
   */
  passes(batch: DeliveredBatch, fault: Fault): boolean {
    const { cause } = fault
    const bad = badRecord(batch, fault)
    // A fault of the program and not of the record.
    if (KafkaError.is(cause) && cause.fatal) return this.#fails(batch, bad.error)
    const { policy } = this.#host
    if (policy === 'skip') return this.#skips(batch, bad)
    if (policy === 'fail') return this.#failsBy(batch, bad)
    const decision = typeof policy === 'function' ? decide(policy, bad) : policy
    if (decision === 'skip') return this.#skips(batch, bad)
    if (decision === 'fail') return this.#failsBy(batch, bad)
    batch.decoder?.stop('held')
    void this.#dispose(batch, bad, decision)
    return false
  }

  /** Whether the record at which the batch stopped is skipped without a decision, so that the batch need not end before it. */
  skips(batch: DeliveredBatch, fault: Fault): boolean {
    const { cause } = fault
    if (this.#host.policy !== 'skip' || (KafkaError.is(cause) && cause.fatal)) return false
    this.#host.onBadRecord(badRecord(batch, fault), 'skip')
    return true
  }

  #skips(batch: DeliveredBatch, bad: BadRecord): true {
    batch.owner.buffer.passOver(batch)
    this.#host.onBadRecord(bad, 'skip')
    return true
  }

  #failsBy(batch: DeliveredBatch, bad: BadRecord): false {
    this.#host.onBadRecord(bad, 'fail')
    return this.#fails(batch, bad.error)
  }

  #fails(batch: DeliveredBatch, error: KafkaError): false {
    batch.decoder?.stop('continues')
    if (batch.era.ended === undefined) this.#host.fail(error)
    return false
  }

  /**
   * The record is in hand meanwhile: its offset is not committed, a revocation waits for it, and the watchdog limits the time. The
   * reader has left the batch, so that nothing after it is delivered.
   */
  async #dispose(batch: DeliveredBatch, bad: BadRecord, decision: unknown): Promise<void> {
    const host = this.#host
    const delivery = new Delivery('run', host.deliveries)
    delivery.handRecord(batch)
    const { action, failure } = await this.#outcome(bad, decision)
    if (failure === undefined) host.counted(delivery.settle(true))
    else delivery.undo()
    delivery.close()
    if (batch.era.ended === undefined) {
      if (action !== undefined) host.onBadRecord(bad, action)
      if (failure !== undefined) host.fail(failure)
    }
    host.putBack(batch)
  }

  /** Never rejects. `failure`: the record is not disposed of. */
  async #outcome(
    bad: BadRecord,
    decision: unknown,
  ): Promise<{ readonly action: BadRecordAction | undefined; readonly failure: KafkaError | undefined }> {
    let action: unknown
    try {
      action = await decision
    } catch (cause) {
      return { action: undefined, failure: policyError(bad, cause) }
    }
    if (action === 'skip') return { action, failure: undefined }
    if (action === 'fail') return { action, failure: bad.error }
    if (action !== 'dead-letter') return { action: undefined, failure: invalidAction(bad) }
    try {
      const { sink } = this.#host
      if (sink === undefined) return { action: undefined, failure: noSink(bad) }
      await sink.write(bad)
      return { action, failure: undefined }
    } catch (cause) {
      return { action: undefined, failure: deadLetterError(bad, cause) }
    }
  }
}

function badRecord(batch: DeliveredBatch, fault: Fault): BadRecord {
  const message = Message.undecoded(batch, batch.records)
  return { message, field: fault.field, error: decodeError(batch, batch.records.offsetDelta, fault) }
}

/** The function's decision or its promise. A promise that rejects stands for what it throws. */
function decide(policy: Extract<BadRecordPolicy, (record: BadRecord) => unknown>, bad: BadRecord): unknown {
  try {
    return policy(bad)
  } catch (cause) {
    return Promise.reject(cause)
  }
}

function policyError(bad: BadRecord, cause: unknown): KafkaError {
  return located(bad, `The function 'onBadRecord' failed (${placeOf(bad)}): ${textOf(cause)}`, cause)
}

function deadLetterError(bad: BadRecord, cause: unknown): KafkaError {
  return located(bad, `Writing the dead letter failed (${placeOf(bad)}): ${textOf(cause)}`, cause)
}

const actions = "Return 'fail', 'skip' or 'dead-letter', or a promise of one."

function invalidAction(bad: BadRecord): KafkaError {
  const message = `The function 'onBadRecord' returned no action (${placeOf(bad)})`
  return located(bad, message, undefined).with({ hint: actions })
}

function noSink(bad: BadRecord): KafkaError {
  const message = `A record cannot be decoded and no dead letter topic is configured (${placeOf(bad)})`
  return located(bad, message, bad.error).with({ hint: "Set 'deadLetter', or choose another 'onBadRecord'." })
}

function located({ message: { topic, partition, offset } }: BadRecord, text: string, cause: unknown): KafkaError {
  return new KafkaError('HANDLER_FAILED', text, { topic, partition, offset, cause })
}

function placeOf({ message: { topic, partition, offset } }: BadRecord): string {
  return describePartition({ topic, partition, offset })
}
