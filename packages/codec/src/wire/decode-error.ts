export interface DecodeErrorDetails {
  /** What was being decoded: the name of a message, 'RecordBatch', 'Record'. */
  readonly what?: string | undefined
  readonly version?: number | undefined
  /** The path of the field: `topics[3].partitions[0].leaderId`. */
  readonly path?: string | undefined
  /** Position in the input, in bytes. */
  readonly offset?: number | undefined
  readonly cause?: unknown
}

/** Malformed bytes. Decoding them again fails the same way. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
  readonly what: string | undefined
  readonly version: number | undefined
  readonly path: string | undefined
  readonly offset: number | undefined

  constructor(reason: string, { what, version, path, offset, cause }: DecodeErrorDetails = {}) {
    const of = what === undefined ? '' : version === undefined ? `${what}: ` : `${what} v${version}: `
    const field = path === undefined || path === '' ? '' : `${path}: `
    const at = offset === undefined ? '' : ` (at byte ${offset})`
    super(`${of}${field}${reason}${at}`, cause === undefined ? undefined : { cause })
    this.what = what
    this.version = version
    this.path = path
    this.offset = offset
  }
}
