import { channel } from 'node:diagnostics_channel'
import type { BrokerAddress } from './errors.ts'
import type { Mutable } from './mutable.ts'

/**
 * What all messages have. One object is published twice: at the start, and at the end with further fields. A tracer can therefore
 * keep a span in a WeakMap by the message, or in a Map by `id`.
 */
export interface Started {
  /** Unique in the process; where the ESM and the CJS build are loaded together, within each of them. */
  readonly id: number
  /** The option of `new Kafka()`. */
  readonly clientId: string
}

export interface Ended {
  /** Since the start, in ms. */
  readonly durationMs: number
  /** Why it failed; undefined: it succeeded. */
  readonly error: unknown
}

/** `ottla:request:start`: a request was written to its connection. One that is never written has no messages. */
export interface RequestStarted extends Started {
  /** Kafka's name: 'Produce'. */
  readonly api: string
  readonly apiVersion: number
  readonly correlationId: number
  /** `id` is negative for a bootstrap address. */
  readonly broker: BrokerAddress
  /** Of the connection: 'general', or `<kind>:<owner>` such as 'produce:<producer>'. */
  readonly purpose: string
  /** With its length field. */
  readonly requestBytes: number
}

/**
 * `ottla:request:end`: its response arrived, or it failed: by a timeout, the caller's signal, or the end of its connection. Error codes in
 * the response are no error here.
 */
export interface RequestEnded extends RequestStarted, Ended {
  /** With its length field; 0: there was no response. */
  readonly responseBytes: number
}

/** `ottla:send:start`: a call of `producer.send()`, in the caller's own asynchronous context. */
export interface SendStarted extends Started {
  /** Identifies the producer within the client, as in the metrics. */
  readonly producer: string
  /** How many records were passed; 0: the input cannot be read. */
  readonly records: number
  /** That of the record, or of the first one; undefined where the input has none. */
  readonly topic: string | undefined
}

/** `ottla:send:end`: the promise of the call settles with this result. */
export interface SendEnded extends SendStarted, Ended {}

/** `ottla:produce:start`: the first request with a batch is about to be sent. */
export interface ProduceStarted extends Started {
  readonly producer: string
  /** Null: no broker has reported it. */
  readonly clusterId: string | null
  readonly topic: string
  readonly partition: number
  /** That of the leader; undefined: the metadata does not list the leader. */
  readonly broker: BrokerAddress | undefined
  readonly records: number
  /** As sent: after compression. */
  readonly bytes: number
  readonly uncompressedBytes: number
  /** From the acceptance of the first record, in ms. */
  readonly queueMs: number
}

/** `ottla:produce:end`: the batch is settled, or its records continue in other batches. */
export interface ProduceEnded extends ProduceStarted, Ended {
  /**
   * 'moved': the batch was split because a broker found it too large, or its partition no longer exists. The batches with its
   * records have messages of their own.
   */
  readonly result: 'acknowledged' | 'failed' | 'moved'
  /** Requests that contained the batch. */
  readonly attempts: number
  /** Of the first record; undefined: the batch is not acknowledged, or the broker returned none. */
  readonly baseOffset: bigint | undefined
}

/**
 * The messages of `node:diagnostics_channel` by the name of their channel. Each start is followed by exactly one end, whatever
 * happens. Messages contain no keys, values or headers.
 */
export interface DiagnosticsMessages {
  readonly 'ottla:request:start': RequestStarted
  readonly 'ottla:request:end': RequestEnded
  readonly 'ottla:send:start': SendStarted
  readonly 'ottla:send:end': SendEnded
  readonly 'ottla:produce:start': ProduceStarted
  readonly 'ottla:produce:end': ProduceEnded
}

/** The fields that the end adds to the start. */
type Rest<S, E> = Omit<E, keyof S>

let lastId = 0

/** The two channels of one kind of operation. */
class ChannelPair<S extends Started, E extends S & Ended> {
  readonly #start: ReturnType<typeof channel>
  readonly #end: ReturnType<typeof channel>

  constructor(name: string) {
    this.#start = channel(`${name}:start`)
    this.#end = channel(`${name}:end`)
  }

  /** Whether there is a subscriber: only then create a message. */
  get active(): boolean {
    return this.#start.hasSubscribers || this.#end.hasSubscribers
  }

  /** Keep the message before it is passed to `start`, whose subscribers may end the operation. */
  create(fields: Omit<S, 'id'>): S {
    return { id: ++lastId, ...fields } as S
  }

  start(message: S): void {
    this.#start.publish(message)
  }

  /** Must follow each `start` exactly once. */
  end(message: S, rest: Rest<S, E>): void {
    this.#end.publish(Object.assign(message as Mutable<S>, rest))
  }
}

export const requestChannels = new ChannelPair<RequestStarted, RequestEnded>('ottla:request')
export const sendChannels = new ChannelPair<SendStarted, SendEnded>('ottla:send')
export const produceChannels = new ChannelPair<ProduceStarted, ProduceEnded>('ottla:produce')
