import type { SealFields } from '@ottla/codec/records'
import type { Runtime } from '@ottla/runtime'
import { Queue } from '../runtime/queue.ts'
import type { Compression } from './compression.ts'
import type { ProducerBatch } from './producer-batch.ts'

// Measured on 1 MiB of JSON: a worker thread takes lz4 from 2.0 to 0.3 ms of the event loop, but at the default batch size only
// from 0.55 to 0.3 ms, with the result twice as late; zstd and gzip use Node's thread pool by themselves.

/** Larger batches are jobs of `Runtime.work`. Codecs compress smaller ones synchronously: a thread would cost more than the work. */
const inlineBytes = 64 << 10

/** Jobs at a time: Node's thread pool has four threads, which look-ups of names and file access need as well. */
const maxJobs = 2

/** What one turn of the event loop compresses at most, apart from the batch that crosses this: 1 ms with lz4, 4 ms with gzip. */
const turnBytes = 512 << 10

/** Compresses closed batches: small ones immediately, the others as a bounded number of jobs, in the order of the calls. */
export class Compressor {
  readonly #runtime: Pick<Runtime, 'work' | 'defer'>
  readonly #fields: SealFields
  readonly #waiting = new Queue<ProducerBatch>()
  #jobs = 0
  /** Compressed in this turn of the event loop. */
  #turnBytes = 0
  readonly #nextTurn = () => {
    this.#turnBytes = 0
    this.#startWaiting()
  }

  /** `fields`: those of a batch that has no sequence number yet. */
  constructor(runtime: Pick<Runtime, 'work' | 'defer'>, fields: SealFields) {
    this.#runtime = runtime
    this.#fields = fields
  }

  /** Batches that wait for a job. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Compresses a large batch, which takes no more records, before it may be sent. */
  prepare(batch: ProducerBatch): void {
    if (batch.writer.byteLength > inlineBytes) this.#enqueue(batch)
  }

  /** Whether the bytes of the batch are there. Otherwise its partition is called later. */
  compress(batch: ProducerBatch): boolean {
    if (batch.bytes !== undefined) return true
    if (batch.writer.byteLength > inlineBytes || this.#turnBytes >= turnBytes) this.#enqueue(batch)
    else if (!batch.sealing) this.#compressNow(batch)
    return batch.bytes !== undefined
  }

  /** The batch was settled, or its records are in other batches. */
  drop(batch: ProducerBatch): void {
    if (batch.sealing && this.#waiting.remove(batch)) batch.sealing = false
  }

  /** Drops the batches that wait. What a thread compresses at the moment has no effect any more. */
  close(): void {
    for (const batch of this.#waiting.drain()) batch.sealing = false
  }

  #enqueue(batch: ProducerBatch): void {
    if (batch.sealing || batch.bytes !== undefined) return
    batch.sealing = true
    this.#waiting.push(batch)
    this.#startWaiting()
  }

  #startWaiting(): void {
    while (this.#jobs < maxJobs && this.#turnBytes < turnBytes) {
      const batch = this.#waiting.shift()
      if (batch === undefined) return
      this.#start(batch)
    }
  }

  #start(batch: ProducerBatch): void {
    const { codec, level } = compressionFor(batch)
    this.#count(batch)
    this.#jobs++
    const compressed = this.#runtime.work(() => codec.compress(batch.writer.payload, level))
    void this.#finish(batch, compressed).then(() => {
      this.#jobs--
      this.#startWaiting()
    })
  }

  #compressNow(batch: ProducerBatch): void {
    const { codec, level } = compressionFor(batch)
    this.#count(batch)
    let compressed: PromiseLike<Uint8Array> | Uint8Array
    try {
      compressed = codec.compress(batch.writer.payload, level)
    } catch (error) {
      compressed = Promise.reject(error)
    }
    if (compressed instanceof Uint8Array) {
      this.#seal(batch, compressed)
      return
    }
    // A library that is loaded first, a custom codec, or a failure.
    batch.sealing = true
    void this.#finish(batch, compressed)
  }

  async #finish(batch: ProducerBatch, compressed: PromiseLike<Uint8Array>): Promise<void> {
    let cause: unknown
    try {
      const bytes = await compressed
      if (isNeeded(batch)) this.#seal(batch, bytes)
    } catch (error) {
      cause = error
    }
    batch.sealing = false
    if (isNeeded(batch)) batch.partition.compressed(batch, cause)
  }

  #seal(batch: ProducerBatch, compressed: Uint8Array): void {
    batch.bytes = batch.writer.sealPayload(this.#fields, compressionFor(batch).codec.id, compressed)
  }

  #count(batch: ProducerBatch): void {
    if (this.#turnBytes === 0) this.#runtime.defer(this.#nextTurn)
    this.#turnBytes += batch.writer.byteLength
  }
}

/** It was neither settled nor divided among other batches meanwhile. */
function isNeeded({ settled, result }: ProducerBatch): boolean {
  return !settled && result.parts === undefined
}

function compressionFor({ partition }: ProducerBatch): Compression {
  return partition.topic.compression!
}
