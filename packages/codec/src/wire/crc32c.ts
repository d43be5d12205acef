import { wasmBase64 } from './crc32c-wasm.ts'
import { optionalPackage } from './optional-package.ts'
import { hasWebAssembly, instantiate, type WasmMemory } from './web-assembly.ts'

/** The part of the npm package @node-rs/crc32 that is used. */
export interface NativeCrc32c {
  crc32c(bytes: Uint8Array, seed: number): number
}

type Checksum = (bytes: Uint8Array, seed: number, start: number, end: number) => number

/** Below this size the call into native code or WebAssembly costs more than the checksum in JavaScript. */
const handOverBytes = 192

const slices = 16
let tables: Int32Array | undefined
let fast: Checksum | undefined

/**
 * CRC-32C (Castagnoli) of `bytes` from `start` to `end`, as an unsigned number. `seed` is the checksum of the preceding
 * bytes. Long inputs use the package `@node-rs/crc32` if it is installed, else WebAssembly.
 */
export function crc32c(bytes: Uint8Array, seed = 0, start = 0, end = bytes.length): number {
  if (end - start < handOverBytes) return plainCrc32c(bytes, seed, start, end)
  fast ??= chooseFast()
  return fast(bytes, seed, start, end)
}

/** WebAssembly first; the native package once it has been loaded. */
function chooseFast(): Checksum {
  void optionalPackage<NativeCrc32c>('@node-rs/crc32', ['crc32c']).then((native) => {
    if (native !== undefined && isRight(native)) fast = choose(native)
  })
  return choose(undefined)
}

/** Verifies a native implementation with the check value of CRC-32C, in two parts. */
export function isRight(native: NativeCrc32c): boolean {
  return native.crc32c(Buffer.from('6789'), native.crc32c(Buffer.from('12345'), 0)) === 0xe3069283
}

/** The fastest available implementation. */
export function choose(native: NativeCrc32c | undefined, webAssembly: boolean = hasWebAssembly()): Checksum {
  if (native !== undefined) return (bytes, seed, start, end) => native.crc32c(bytes.subarray(start, end), seed)
  return webAssembly ? wasmCrc32c() : plainCrc32c
}

interface WasmExports {
  readonly memory: WasmMemory
  readonly input: { readonly value: number }
  crc32c(at: number, length: number, seed: number): number
}

/** Copies the bytes into the module's memory in parts. */
function wasmCrc32c(): Checksum {
  const wasm = instantiate<WasmExports>(wasmBase64)
  const input = wasm.input.value
  const memory = new Uint8Array(wasm.memory.buffer)
  const room = memory.length - input
  return (bytes, seed, start, end) => {
    let crc = seed
    for (let at = start; at < end; at += room) {
      const part = Math.min(room, end - at)
      memory.set(part === bytes.length ? bytes : bytes.subarray(at, at + part), input)
      crc = wasm.crc32c(input, part, crc)
    }
    return crc >>> 0
  }
}

/** Table k holds the effect of a byte that is followed by k more, so sixteen bytes are processed per step. */
function makeTables(): Int32Array {
  const made = new Int32Array(slices * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    made[byte] = crc
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256]!
    made[at] = (before >>> 8) ^ made[before & 0xff]!
  }
  return made
}

/** In JavaScript. */
export function plainCrc32c(bytes: Uint8Array, seed: number, start: number, end: number): number {
  if (tables === undefined) tables = makeTables()
  const t = tables
  let crc = ~seed
  let i = start
  for (const last = end - slices; i <= last; i += slices) {
    crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    crc =
      t[3840 | (crc & 0xff)]! ^
      t[3584 | ((crc >>> 8) & 0xff)]! ^
      t[3328 | ((crc >>> 16) & 0xff)]! ^
      t[3072 | (crc >>> 24)]! ^
      t[2816 | bytes[i + 4]!]! ^
      t[2560 | bytes[i + 5]!]! ^
      t[2304 | bytes[i + 6]!]! ^
      t[2048 | bytes[i + 7]!]! ^
      t[1792 | bytes[i + 8]!]! ^
      t[1536 | bytes[i + 9]!]! ^
      t[1280 | bytes[i + 10]!]! ^
      t[1024 | bytes[i + 11]!]! ^
      t[768 | bytes[i + 12]!]! ^
      t[512 | bytes[i + 13]!]! ^
      t[256 | bytes[i + 14]!]! ^
      t[bytes[i + 15]!]!
  }
  for (; i < end; i++) crc = t[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}
