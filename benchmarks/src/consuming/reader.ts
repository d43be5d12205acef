/** How records reach the application: by batches, from an iterator, or by calls of a handler. */
export type ReadMode = 'batches' | 'messages' | 'each'
export type Compression = 'none' | 'lz4' | 'zstd'

/** What a consumer connects to, and how it reads: the whole topic, in a new group. */
export interface ReaderOptions {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly groupId: string
  readonly mode: ReadMode
}

/** Receives each value, and returns true with the last one: then `read` resolves. */
export type OnValue = (value: Uint8Array) => boolean

/** A consumer to be measured. */
export interface Reader {
  read(onValue: OnValue): Promise<void>
  close(): Promise<unknown>
}

export interface Peer {
  /** The compressions that it reads without another package. */
  readonly compressions: readonly Compression[]
  /** What it offers; another mode is not measured. */
  readonly modes: readonly ReadMode[]
  open(options: ReaderOptions): Promise<Reader>
}
