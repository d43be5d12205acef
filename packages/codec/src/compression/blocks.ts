import { hasWebAssembly, instantiate, type WasmMemory } from '../wire/web-assembly.ts'
import { wasmBase64 } from './blocks-wasm.ts'

/** The functions of blocks.wat. All positions are such in its memory. */
interface BlockFunctions {
  readonly memory: WasmMemory
  lz4Compress(source: number, length: number, target: number): number
  lz4Decompress(source: number, length: number, target: number, low: number, limit: number): number
  snappyCompress(source: number, length: number, target: number): number
  snappyDecompress(source: number, length: number, target: number, limit: number): number
  xxh32(at: number, length: number): number
}

/** The memory before it belongs to the compressors. */
export const inputStart = 16_384

/** So many bytes behind input and output may be read and written over. */
export const slackBytes = 64

const pageBytes = 65_536

/** A memory that had to grow beyond this is given up after use: it cannot shrink. */
const keptBytes = 8 << 20

let kept: Blocks | undefined

/** LZ4 and Snappy blocks and xxHash32 in WebAssembly, in a memory of their own. */
export class Blocks {
  readonly functions: BlockFunctions = instantiate<BlockFunctions>(wasmBase64)
  /** The memory; another object after it grew. */
  bytes: Uint8Array = new Uint8Array(this.functions.memory.buffer)

  /** Makes the memory reach to `end` and the slack behind it. */
  reserve(end: number): void {
    const missing = end + slackBytes - this.bytes.length
    if (missing <= 0) return
    // A quarter at least, so that growing step by step stays cheap.
    const wanted = Math.max(missing, this.bytes.length >>> 2)
    this.functions.memory.grow(Math.ceil(wanted / pageBytes))
    this.bytes = new Uint8Array(this.functions.memory.buffer)
  }

  /** A copy of a part of the memory. */
  copy(start: number, end: number): Buffer {
    const copied = Buffer.allocUnsafeSlow(end - start)
    copied.set(this.bytes.subarray(start, end))
    return copied
  }
}

export const hasBlocks: () => boolean = hasWebAssembly

/** Does a piece of work, which may not wait for anything, with the functions. */
export function withBlocks<T>(work: (blocks: Blocks) => T): T {
  const blocks = kept ?? new Blocks()
  try {
    return work(blocks)
  } finally {
    kept = blocks.bytes.length <= keptBytes ? blocks : undefined
  }
}
