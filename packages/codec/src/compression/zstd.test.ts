// Both implementations of zstd where Node has its own, else one.
import { describe, expect, test } from 'vitest'
import { goldenBytes } from '../../test/golden.ts'
import { bytesOf, seeded } from '../../test/samples.ts'
import { DecodeError } from '../wire/decode-error.ts'
import { nodeZstd, zstdCodec } from './zstd.ts'
import { wasmZstd } from './zstd-wasm.ts'

const golden = goldenBytes('compressed.tsv.gz')
const textBytes =
  70_000 + Array.from({ length: 1500 }, (_, i) => `line ${i} says ${(i * 7919) % 127}\n`).join('').length

const random = seeded(4)
const samples = [
  Buffer.alloc(0),
  Buffer.from('x'),
  bytesOf(200_000, random),
  Buffer.alloc(3_000_000, 'abc'),
  Buffer.from(bytesOf(3000, random).toString('hex').repeat(30)),
]

const own = nodeZstd()
const ways = [['WebAssembly', zstdCodec(wasmZstd)] as const, ...(own ? [['Node', zstdCodec(() => own)] as const] : [])]

describe.each(ways)('%s', (_, codec) => {
  const decompress = async (bytes: Uint8Array, maxBytes: number) => codec.decompress(bytes, maxBytes)

  test('round-trips, and the other implementation reads it', async () => {
    for (const bytes of samples) {
      const compressed = await codec.compress(bytes)
      for (const [, other] of ways) expect(bytes.equals(await other.decompress(compressed, bytes.length))).toBe(true)
      if (bytes.length > 0) await expect(decompress(compressed, bytes.length - 1)).rejects.toThrow('more than')
    }
  })

  test.each(['zstd', 'zstd-19', 'zstd-content-size', 'zstd-checksum'])('%s of Kafka', async (form) => {
    expect((await decompress(golden(form), textBytes)).length).toBe(textBytes)
    await expect(decompress(golden(form), textBytes - 1)).rejects.toThrow(`more than ${textBytes - 1} bytes`)
  })

  test('levels', async () => {
    const words = Array.from({ length: 30 }, () => bytesOf(6, random).toString('hex'))
    const bytes = Buffer.from(Array.from({ length: 5000 }, () => words[random(30)]).join(' '))
    expect((await codec.compress(bytes, 19)).length).toBeLessThan((await codec.compress(bytes, 1)).length)
  })

  test('reads concatenated frames', async () => {
    const frames = Buffer.concat([await codec.compress(Buffer.from('abc')), await codec.compress(Buffer.from('def'))])
    expect(Buffer.from(await decompress(frames, 6)).toString()).toBe('abcdef')
    await expect(decompress(frames, 5)).rejects.toThrow('more than')
  })

  test('decompresses more than the first attempt allocates when the content size is absent', async () => {
    // Blocks that repeat one byte 128 KiB times: 40 of them, 5 MiB.
    const block = (last: number) => [((0x20000 << 3) & 0xff) | 2 | last, (0x20000 >> 5) & 0xff, 0x20000 >> 13, 97]
    const blocks = Array.from({ length: 40 }, (_, i) => block(i === 39 ? 1 : 0)).flat()
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, ...blocks])
    expect((await decompress(frame, 5 << 20)).length).toBe(5 << 20)
    await expect(decompress(frame, (5 << 20) - 1)).rejects.toThrow('more than')
  })

  test('rejects corrupted input', async () => {
    const compressed = Buffer.from(await codec.compress(samples.at(-1)!))
    for (let i = 0; i < 200; i++) {
      const damaged = Buffer.from(compressed)
      damaged[random(damaged.length)]! ^= 1 << random(8)
      await decompress(damaged, 300_000).then(
        (found) => expect(found.length).toBeLessThanOrEqual(300_000),
        (error: unknown) => expect(error).toBeInstanceOf(DecodeError),
      )
    }
  })
})

test('fails when WebAssembly has no memory for the announced size', async () => {
  // 3 GiB in 24,576 blocks that each repeat one byte 128 KiB times.
  const announced = Buffer.alloc(8)
  announced.writeBigUInt64LE(3n << 30n)
  const block = [((0x20000 << 3) & 0xff) | 2, (0x20000 >> 5) & 0xff, 0x20000 >> 13, 97]
  const blocks = Buffer.from(Array.from({ length: 24_576 }, () => block).flat())
  blocks[blocks.length - 4]! |= 1
  const frame = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0]), announced, blocks])
  const decompress = async () => zstdCodec(wasmZstd).decompress(frame, 2 ** 32)
  await expect(decompress()).rejects.toThrow(DecodeError)
  await expect(decompress()).rejects.toThrow('no memory for 3221225472 bytes')
})
