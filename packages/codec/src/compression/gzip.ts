import { promisify } from 'node:util'
import { gunzip, gunzipSync, gzipSync, gzip as zlibGzip } from 'node:zlib'
import type { Codec } from './compression.ts'

const gzipLater = promisify(zlibGzip)
const gunzipLater = promisify(gunzip)

/** Fewer bytes are done at once: handing them to the thread pool would take longer than doing them. */
const backgroundBytes = 64 * 1024

/** Level 1–9 as zlib's; -1 is zlib's default. */
const defaultLevel = -1

export const gzip: Codec = {
  name: 'gzip',
  id: 1,
  compress(bytes, level = defaultLevel) {
    return bytes.length > backgroundBytes ? gzipLater(bytes, { level }) : gzipSync(bytes, { level })
  },
  decompress(bytes, maxBytes) {
    const options = { maxOutputLength: maxBytes }
    return bytes.length > backgroundBytes ? gunzipLater(bytes, options) : gunzipSync(bytes, options)
  },
}
