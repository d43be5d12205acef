export type CompressionName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** A way to compress the records of a batch. */
export interface Codec {
  readonly name: CompressionName
  /** The number that batches carry. */
  readonly id: number
  compress(bytes: Uint8Array, level?: number): Promise<Uint8Array> | Uint8Array
  /** Rejects or throws DecodeError for what cannot be decompressed, or not to `maxBytes` at most. */
  decompress(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> | Uint8Array
}

/** A compression that is known, but that nothing here can do. */
export class UnsupportedCompression extends Error {
  override readonly name = 'UnsupportedCompression'
  readonly compression: string

  constructor(compression: string) {
    super(`records are compressed with ${compression}, which is not supported`)
    this.compression = compression
  }
}

/** The names of the compressions by their ids. */
export const compressionNames: readonly CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
