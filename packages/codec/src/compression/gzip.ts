import { promisify } from 'node:util'
import { gunzip, gunzipSync, gzipSync, gzip as zlibGzip } from 'node:zlib'
import { DecodeError } from '../wire/decode-error.ts'
import type { Codec } from './codec.ts'
import { tooMany } from './limit.ts'

const gzipLater = promisify(zlibGzip)
const gunzipLater = promisify(gunzip)

/** Smaller payloads are processed synchronously: the thread pool would cost more than the work. */
const backgroundBytes = 64 * 1024

/** zlib levels are 1 to 9; -1 is zlib's default. */
const defaultLevel = -1

/** gzip by Node's zlib: small payloads synchronously, large ones on the thread pool. */
export const gzip: Codec = {
  name: 'gzip',
  id: 1,
  compress(bytes, level = defaultLevel) {
    return bytes.length > backgroundBytes ? gzipLater(bytes, { level }) : gzipSync(bytes, { level })
  },
  decompress(bytes, maxBytes) {
    // zlib requires a limit of at least 1.
    const options = { maxOutputLength: Math.max(1, maxBytes) }
    if (bytes.length > backgroundBytes) {
      return gunzipLater(bytes, options).catch((error: unknown) => {
        throw refusal(error, maxBytes)
      })
    }
    try {
      return gunzipSync(bytes, options)
    } catch (error) {
      throw refusal(error, maxBytes)
    }
  },
}

function refusal(cause: unknown, maxBytes: number): DecodeError {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'ERR_BUFFER_TOO_LARGE') return tooMany('gzip', maxBytes)
  return new DecodeError(message, { what: 'gzip', cause })
}
