import { bytesOf } from '../producer/record-data.ts'
import { builtIn, type Serde } from './serde.ts'
import { kindOf, unreadable, unwritable } from './serde-errors.ts'

/** Half of a pair of UTF-16 code units, which UTF-8 cannot express. */
const loneSurrogates = /\p{Surrogate}/gu

const text = builtIn<string, string>(
  (value) => {
    if (typeof value !== 'string') throw unwritable(`must be a string, not ${kindOf(value)}`)
    // As Java writes it: the hash of a key must be the same.
    return value.replace(loneSurrogates, '?')
  },
  (bytes, start, end) => bytes.toString('utf8', start, end),
)

const raw = builtIn<Uint8Array, Buffer>(
  (value) => {
    const bytes = typeof value === 'object' && value !== null ? bytesOf(value) : undefined
    if (bytes === undefined) throw unwritable(`must be a Uint8Array, not ${kindOf(value)}`)
    return bytes
  },
  (bytes, start, end) => bytes.subarray(start, end),
)

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const uuidBytes = 36

const id = builtIn<string, string>(
  (value) => {
    if (typeof value !== 'string') throw unwritable(`must be a UUID as text, not ${kindOf(value)}`)
    if (!uuidForm.test(value)) throw unwritable('must be a UUID as text, such as those of crypto.randomUUID()')
    return value.toLowerCase()
  },
  (bytes, start, end) => {
    const found = end - start === uuidBytes ? bytes.toString('latin1', start, end) : ''
    if (!uuidForm.test(found)) throw unreadable('is not a UUID as text')
    return found.toLowerCase()
  },
)

/** Text as UTF-8, as Java's StringSerializer: half of a surrogate pair is written as '?', and invalid bytes are read as U+FFFD. */
export function string(): Serde<string> {
  return text
}

/** Bytes as they are, as Java's ByteArraySerializer. Those read are a view into the fetched bytes. */
export function bytes(): Serde<Uint8Array, Buffer> {
  return raw
}

/** A UUID as its text of 36 characters in lower case, as Java's UUIDSerializer. */
export function uuid(): Serde<string> {
  return id
}
