/** The text of any thrown value, for a message. */
export function textOf(thrown: unknown): string {
  // The text of a list or of bytes is their content.
  if (Array.isArray(thrown) || ArrayBuffer.isView(thrown)) return Object.prototype.toString.call(thrown)
  try {
    return thrown instanceof Error ? String(thrown.message) : String(thrown)
  } catch {
    // An object without a prototype, or one whose `toString` or `message` throws.
    return typeof thrown
  }
}

/**
 * A thrown value as the `cause` of an error: the value itself, or an Error with its text where `structuredClone` would refuse
 * the value (a function, an object that holds one), so that every error can be sent to a worker.
 */
export function clonableCause(cause: unknown): unknown {
  return isClonable(cause, 0) ? cause : new Error(textOf(cause))
}

/** A chain of causes longer than this is treated as one that cannot be cloned. */
const longestChain = 100

/** Of an Error `structuredClone` copies name, message, stack and cause, and nothing else. */
function isClonable(value: unknown, depth: number): boolean {
  if (value instanceof Error) {
    if (!isReadable(value)) return false
    return depth < longestChain && (value.cause === undefined || isClonable(value.cause, depth + 1))
  }
  if (typeof value !== 'object' || value === null) return typeof value !== 'function' && typeof value !== 'symbol'
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}

function isReadable(error: Error): boolean {
  try {
    return typeof error.message === 'string' && typeof error.name === 'string'
  } catch {
    return false
  }
}

/** The fields of a KafkaError that are written to JSON as they are. */
const plainFields = ['retriable', 'fatal', 'outcome', 'broker', 'topic', 'partition', 'hint'] as const

/**
 * An error for JSON: name, message and code, the fields of a KafkaError, and the errors below it. Of a cause that is no Error
 * only its text, because an object may hold records or secrets.
 */
export function jsonOfError(error: Error, path: ReadonlySet<unknown> = new Set()): Record<string, unknown> {
  const { code, offset, errors, ...fields } = error as Error & Record<string, unknown>
  const below = new Set(path).add(error)
  const json: Record<string, unknown> = { name: error.name, code: plainCode(code), message: error.message }
  for (const field of plainFields) json[field] = brand in error ? fields[field] : undefined
  json.offset = typeof offset === 'bigint' && brand in error ? offset.toString() : undefined
  json.errors = Array.isArray(errors) ? errors.map((each) => jsonOfCause(each, below)) : undefined
  json.cause = jsonOfCause(error.cause, below)
  return json
}

const brand = Symbol.for('ottla.KafkaError')

function jsonOfCause(cause: unknown, path: ReadonlySet<unknown>): unknown {
  if (cause === undefined) return undefined
  if (!(cause instanceof Error)) return textOf(cause)
  return path.has(cause) || path.size > longestChain ? '[circular]' : jsonOfError(cause, path)
}

function plainCode(code: unknown): string | number | undefined {
  return typeof code === 'string' || typeof code === 'number' ? code : undefined
}

/** A result of this client as plain data for JSON, which has no bigint: offsets become strings, maps objects. */
export function jsonOfResult(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(jsonOfResult)
  const { toJSON } = value as { readonly toJSON?: () => unknown }
  if (typeof toJSON === 'function') return toJSON.call(value)
  const entries = value instanceof Map ? value : Object.entries(value)
  return Object.fromEntries(Array.from(entries, ([name, entry]) => [String(name), jsonOfResult(entry)]))
}
