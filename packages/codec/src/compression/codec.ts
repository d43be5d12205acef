export type CompressionName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** Compresses and decompresses the records of a batch. */
export interface Codec {
  readonly name: CompressionName
  /** The id in the attributes of a batch. */
  readonly id: number
  compress(bytes: Uint8Array, level?: number): Promise<Uint8Array> | Uint8Array
  /** Rejects or throws DecodeError for malformed input and for output beyond `maxBytes`. */
  decompress(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> | Uint8Array
}

/** A known compression without an available codec. */
export class UnsupportedCompression extends Error {
  override readonly name = 'UnsupportedCompression'
  readonly compression: string

  constructor(compression: string) {
    super(`records are compressed with ${compression}, which is not supported`)
    this.compression = compression
  }
}

/** The names of the compressions, indexed by id. */
export const compressionNames: readonly CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
