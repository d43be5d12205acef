import { DecodeError } from '../wire/decode-error.ts'

/** The error for output beyond the caller's limit. */
export function tooMany(what: string, maxBytes: number): DecodeError {
  return new DecodeError(`more than ${maxBytes} bytes decompressed`, { what })
}
