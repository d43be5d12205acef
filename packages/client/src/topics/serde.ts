import type { RecordData } from '../producer/record-input.ts'

export type SerdeField = 'key' | 'value'

/** Which key or value is written or read. Valid during the call only. */
export interface SerdeContext {
  readonly topic: string
  readonly field: SerdeField
}

/** A key or a value that is read. */
export interface DeserializeContext extends SerdeContext {
  readonly partition: number
  readonly offset: bigint
  /** Those of the record. Decoded at each access. */
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[]
}

/** What has to be known before keys or values can be read or written: the schemas of a registry. */
export interface PrepareContext extends SerdeContext {
  /** 'write': before the first record, by `topic.ready()`. 'read': before a fetched batch is delivered. */
  readonly purpose: 'read' | 'write'
  /** The keys or values of the batch that are not null, as bytes. Empty for 'write'. */
  readonly data: Iterable<Buffer>
  /** Aborts when the batch is no longer needed (revoked, moved, closed), and at the deadline. */
  readonly signal: AbortSignal
}

/**
 * Writes and reads the keys or the values of a topic. Synchronous; what takes time, such as a request to a schema registry, is done by
 * `prepare`. Null is never passed: a null key is no key, and a null value is a tombstone. `In` is what a producer writes, `Out` what a
 * consumer receives.
 *
 * Throw in `deserialize` for bytes that cannot be read: the policy `onBadRecord` of the consumer applies. Messages of your errors are
 * not copied into those of ottla, because they may contain the record; those of a `KafkaError` are.
 */
export interface Serde<In, Out = In> {
  serialize(value: In, context: SerdeContext): Uint8Array
  /** `bytes` is a view into the fetched bytes. Copy what outlives the message and is large. */
  deserialize(bytes: Buffer, context: DeserializeContext): Out
  /**
   * Called once for each fetched batch, before its first record is delivered; other partitions continue meanwhile. Return undefined when
   * nothing is missing. A rejection is no bad record: it is repeated with backoff, and the reader rejects after `apiTimeoutMs`.
   */
  prepare?(context: PrepareContext): Promise<void> | undefined
}

/** A serde of any type. */
export type AnySerde = Serde<never, unknown>

/** What a serde writes. Without a serde: text or bytes. */
export type InputOf<S extends AnySerde | undefined> = S extends {
  serialize(value: infer In, context: SerdeContext): Uint8Array
}
  ? In
  : Exclude<RecordData, null>

/** What a serde reads. Without a serde: bytes. */
export type OutputOf<S extends AnySerde | undefined> = S extends {
  deserialize(bytes: Buffer, context: DeserializeContext): infer Out
}
  ? Out
  : Buffer

/** Refuses a serde that returns promises: `S & SyncSerde<S>` has no value then. */
export type SyncSerde<S extends AnySerde> = [OutputOf<S>] extends [PromiseLike<unknown>]
  ? { readonly 'deserialize() must not return a promise': never }
  : unknown

/** Of the serdes of this package, shared by the ESM and the CJS build: reads a slice without a view of it. */
export const readSlice: unique symbol = Symbol.for('ottla.serde.readSlice')
/** The same: the string or the bytes to write, so that text need not be encoded twice. */
export const writeData: unique symbol = Symbol.for('ottla.serde.writeData')

/** A serde of this package. Never asynchronous. */
export interface BuiltInSerde<In, Out = In> extends Serde<In, Out> {
  readonly [readSlice]: (bytes: Buffer, start: number, end: number) => Out
  readonly [writeData]: (value: In) => string | Uint8Array
}

export function isBuiltIn(serde: AnySerde): serde is BuiltInSerde<never, unknown> {
  return readSlice in serde && writeData in serde
}

/** Completes a serde that needs no context. */
export function builtIn<In, Out>(
  write: (value: In) => string | Uint8Array,
  read: (bytes: Buffer, start: number, end: number) => Out,
): Serde<In, Out> {
  const serde: BuiltInSerde<In, Out> = {
    serialize: (value) => {
      const data = write(value)
      return typeof data === 'string' ? Buffer.from(data, 'utf8') : data
    },
    deserialize: (bytes) => {
      const buffer = bufferOf(bytes)
      return read(buffer, 0, buffer.length)
    },
    [readSlice]: read,
    [writeData]: write,
  }
  return Object.freeze(serde)
}

export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
