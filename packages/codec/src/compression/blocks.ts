import { hasWebAssembly, instantiate, type WasmMemory } from '../wire/web-assembly.ts'
import { wasmBase64 } from './blocks-wasm.ts'

/** The functions of blocks.wat. Positions are offsets in its memory. */
interface BlockFunctions {
  readonly memory: WasmMemory
  lz4Compress(source: number, length: number, target: number): number
  lz4Decompress(source: number, length: number, target: number, low: number, limit: number): number
  snappyCompress(source: number, length: number, target: number): number
  snappyDecompress(source: number, length: number, target: number, limit: number): number
  xxh32(at: number, length: number): number
}

/** The compressors use the memory below this offset. */
export const inputStart = 16_384

/** The functions may read and overwrite this many bytes after input and output. */
export const slackBytes = 64

const pageBytes = 65_536

/** A memory that grew beyond this is released after use, because it cannot shrink. */
const keptBytes = 8 << 20

let kept: Blocks | undefined

/** LZ4 and Snappy blocks and xxHash32 in WebAssembly, with their own memory. */
export class Blocks {
  readonly functions: BlockFunctions = instantiate<BlockFunctions>(wasmBase64)
  /** The memory. Growing replaces this object. */
  bytes: Uint8Array = new Uint8Array(this.functions.memory.buffer)

  /** Grows the memory to `end` plus slack. */
  reserve(end: number): void {
    const missing = end + slackBytes - this.bytes.length
    if (missing <= 0) return
    // By at least a quarter, so that repeated growth has amortised constant cost.
    const wanted = Math.max(missing, this.bytes.length >>> 2)
    this.functions.memory.grow(Math.ceil(wanted / pageBytes))
    this.bytes = new Uint8Array(this.functions.memory.buffer)
  }

  /** Copies a part of the memory. */
  copy(start: number, end: number): Buffer {
    const copied = Buffer.allocUnsafeSlow(end - start)
    copied.set(this.bytes.subarray(start, end))
    return copied
  }
}

export const hasBlocks: () => boolean = hasWebAssembly

/** Runs a synchronous piece of work with the functions. */
export function withBlocks<T>(work: (blocks: Blocks) => T): T {
  const blocks = kept ?? new Blocks()
  try {
    return work(blocks)
  } finally {
    kept = blocks.bytes.length <= keptBytes ? blocks : undefined
  }
}
