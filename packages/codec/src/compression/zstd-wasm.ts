import { brotliDecompressSync } from 'node:zlib'
import { instantiateLarge, type WasmMemory } from '../wire/web-assembly.ts'
import { brotliBase64, exportNames, importNames } from './zstd-binary.ts'
import type { ZstdFrame } from './zstd-frame.ts'

/** The functions of zstd.wasm. A `size_t` is a signed number here, so an error code is negative. */
interface ZstdFunctions {
  readonly memory: WasmMemory
  callConstructors(): void
  /** 0: out of memory. */
  malloc(size: number): number
  free(at: number): void
  isError(size: number): number
  compressBound(size: number): number
  compress(target: number, capacity: number, source: number, size: number, level: number): number
  decompress(target: number, capacity: number, source: number, size: number): number
}

/** ZSTD_error_dstSize_tooSmall, negated as a returned size has it. */
const targetTooSmall = -70

/** Where a frame does not announce its size, the first attempt allocates this much. */
const firstBytes = 1 << 20

const pageBytes = 65_536

/** zstd in WebAssembly, for Node versions without it. Its memory grows to what the largest batch needs. */
export async function wasmZstd() {
  const zstd = await load()
  return {
    compress: (bytes: Uint8Array, level: number): Uint8Array =>
      withSource(zstd, bytes, (source) => {
        const capacity = zstd.compressBound(bytes.length)
        return withTarget(zstd, capacity, (target) => {
          const size = zstd.compress(target, capacity, source, bytes.length, level)
          if (zstd.isError(size) !== 0) throw new Error(`zstd failed to compress with code ${size}`)
          return copy(zstd, target, size)
        })
      }),
    decompress: (frame: ZstdFrame, maxBytes: number): Uint8Array | undefined =>
      withSource(zstd, frame.bytes, (source) => decompressFrame(zstd, frame, source, maxBytes)),
  }
}

/** zstd fails when the output is larger than its target. Without an announced size the target starts small and doubles. */
function decompressFrame(
  zstd: ZstdFunctions,
  { bytes, contentBytes, boundBytes }: ZstdFrame,
  source: number,
  maxBytes: number,
): Uint8Array | undefined {
  const most = contentBytes >= 0 ? contentBytes : Math.min(boundBytes, maxBytes)
  let capacity = contentBytes >= 0 ? contentBytes : Math.min(most, Math.max(firstBytes, bytes.length * 4))
  for (;;) {
    const result = withTarget(zstd, capacity, (target) => {
      const size = zstd.decompress(target, capacity, source, bytes.length)
      return zstd.isError(size) === 0 ? copy(zstd, target, size) : size
    })
    if (typeof result !== 'number') return result
    if (result !== targetTooSmall || contentBytes >= 0) throw new Error(`zstd failed to decompress with code ${result}`)
    if (capacity === most) {
      if (most < boundBytes) return undefined
      throw new Error('zstd made more bytes than its blocks can hold')
    }
    capacity = Math.min(most, capacity * 2)
  }
}

/** Calls `work` with the position of a copy of `bytes` in the memory of the module. */
function withSource<T>(zstd: ZstdFunctions, bytes: Uint8Array, work: (source: number) => T): T {
  return withTarget(zstd, bytes.length, (source) => {
    new Uint8Array(zstd.memory.buffer).set(bytes, source)
    return work(source)
  })
}

function withTarget<T>(zstd: ZstdFunctions, size: number, work: (target: number) => T): T {
  const at = zstd.malloc(Math.max(1, size))
  if (at === 0) throw new Error(`zstd has no memory for ${size} bytes`)
  try {
    return work(at)
  } finally {
    zstd.free(at)
  }
}

/** The memory is another object after it grew, so each view is new. */
function copy({ memory }: ZstdFunctions, at: number, size: number): Uint8Array {
  return new Uint8Array(memory.buffer).slice(at, at + size)
}

async function load(): Promise<ZstdFunctions> {
  let memory: WasmMemory | undefined
  const imports = {
    [importNames.abort]: () => {
      throw new Error('zstd aborted')
    },
    [importNames.exit]: (code: number) => {
      throw new Error(`zstd exited with code ${code}`)
    },
    [importNames.resizeHeap]: (bytes: number) => (memory !== undefined && grow(memory, bytes) ? 1 : 0),
    // Used by threads and for exiting, which this module does not do.
    [importNames.setTimer]: () => 0,
    [importNames.clearKeepAlive]: () => undefined,
  }
  const bytes = brotliDecompressSync(Buffer.from(brotliBase64, 'base64'))
  const exported = await instantiateLarge<Record<string, unknown>>(bytes, { a: imports })
  const named = Object.entries(exportNames).map(([name, short]) => [name, exported[short]])
  const zstd = Object.fromEntries(named) as ZstdFunctions
  memory = zstd.memory
  zstd.callConstructors()
  return zstd
}

/** Makes the memory hold `bytes`, with some to spare so that growing step by step stays cheap. False: it cannot. */
function grow(memory: WasmMemory, bytes: number): boolean {
  const size = memory.buffer.byteLength
  const wanted = [Math.max(bytes >>> 0, size * 1.2), bytes >>> 0]
  return wanted.some((total) => {
    try {
      memory.grow(Math.ceil((total - size) / pageBytes))
      return true
    } catch {
      return false
    }
  })
}
