import { isUint8Array } from 'node:util/types'

/** What is wrong with a property: `The record … has no 'value'`. */
export interface DataProblem {
  readonly text: string
  readonly hint: string
}

const nothing = new Uint8Array(0)
const { prototype: plainBytes } = Uint8Array
const { prototype: bufferBytes } = Buffer

/**
 * The bytes of a typed array of the caller; undefined for another object. What overrides methods of Uint8Array (a subclass), or is
 * of another realm, is copied: code of the caller must not run while a batch is written.
 */
export function bytesOf(value: object): Uint8Array | undefined {
  const prototype: unknown = Object.getPrototypeOf(value)
  if ((prototype === bufferBytes || prototype === plainBytes) && ArrayBuffer.isView(value)) return value as Uint8Array
  return isUint8Array(value) ? new Uint8Array(value) : undefined
}

/**
 * What is wrong with a property, after `bytesOf`; undefined: nothing. `name` is as messages show it: "'value'". Allocates nothing
 * for strings, bytes and null.
 */
export function problemOfData(name: string, value: unknown): DataProblem | undefined {
  if (typeof value === 'string' || value === null) return undefined
  if (value === undefined) {
    return {
      text: `has no ${name}`,
      hint: 'Pass a string, a Uint8Array, or an explicit null: a null value is a tombstone.',
    }
  }
  const bytes = typeof value === 'object' ? bytesOf(value) : undefined
  if (bytes === undefined) {
    return {
      text: `has a ${name} that is ${kindOf(value)}`,
      hint: 'Pass a string, a Uint8Array or null; serialize objects first, for example with JSON.stringify.',
    }
  }
  if (bytes.length > 0 || !isDetached(bytes)) return undefined
  return { text: `has a ${name} whose buffer is detached`, hint: 'Send a copy of bytes that are transferred.' }
}

/** Its buffer was transferred, as by `postMessage`, or shrunk. */
function isDetached(bytes: Uint8Array): boolean {
  try {
    nothing.set(bytes)
    return false
  } catch {
    return true
  }
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
