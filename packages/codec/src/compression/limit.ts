import { DecodeError } from '../wire/decode-error.ts'

/** The error of what would take more than the caller allows. */
export function tooMany(what: string, maxBytes: number): DecodeError {
  return new DecodeError(`more than ${maxBytes} bytes decompressed`, { what })
}
