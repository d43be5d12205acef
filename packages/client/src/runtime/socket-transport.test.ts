import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Transport, TransportReader } from '@ottla/runtime'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { skipReason } from '../../../../tools/skip-reason.ts'
import { nodeRuntime } from './node-runtime.ts'

let server: Server
let port: number
let accepted: Promise<Socket>

/** Collects the bytes that arrive, in pieces of the given size. */
class Collector implements TransportReader {
  readonly pieces: Buffer[] = []
  readonly ended: Promise<Error | undefined>
  readonly #spaceBytes: number
  #space = Buffer.alloc(0)
  #end: (error: Error | undefined) => void = () => {}
  #waiting: { bytes: number; resolve: () => void } | undefined

  constructor(spaceBytes = 64 * 1024) {
    this.#spaceBytes = spaceBytes
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces)
  }

  space(): Uint8Array {
    this.#space = Buffer.alloc(this.#spaceBytes)
    return this.#space
  }

  filled(size: number): void {
    this.pieces.push(this.#space.subarray(0, size))
    if (this.#waiting !== undefined && this.bytes.length >= this.#waiting.bytes) this.#waiting.resolve()
  }

  closed(error: Error | undefined): void {
    this.#end(error)
  }

  received(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { bytes, resolve }
      if (this.bytes.length >= bytes) resolve()
    })
  }
}

const never = new AbortController().signal

function dial(reader: TransportReader, signal = never): Promise<Transport> {
  return nodeRuntime.dial({ address: '127.0.0.1', port, serverName: 'localhost' }, reader, signal)
}

async function read(socket: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  for (let size = 0; size < bytes; ) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    chunks.push(chunk)
    size += chunk.length
  }
  return Buffer.concat(chunks)
}

beforeEach(async () => {
  server = createServer()
  accepted = once(server, 'connection').then(([socket]) => socket as Socket)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})

afterEach(() => {
  server.close()
})

test('a connection to the same host is local', async () => {
  const transport = await dial(new Collector())
  expect(transport.isLocal).toBe(true)
  transport.destroy()
})

describe('a socket', () => {
  test("reads into the reader's memory", async () => {
    const reader = new Collector(1000)
    const transport = await dial(reader)
    const socket = await accepted
    const sent = Buffer.from(Array.from({ length: 10_000 }, (_, i) => i & 255))
    socket.write(sent)
    await reader.received(sent.length)
    expect(reader.bytes.equals(sent)).toBe(true)
    expect(reader.pieces.every((piece) => piece.length <= 1000)).toBe(true)
    transport.destroy()
    expect(await reader.ended).toBeUndefined()
    socket.destroy()
  })

  test.each([
    ['one chunk', [5]],
    ['small ones', [1, 2, 3]],
    ['small and large ones', [10, 20, 5_000, 6_000, 30, 40, 100_000, 1]],
    ['an empty one', [0]],
    ['many', Array.from({ length: 3_000 }, (_, i) => (i % 7 === 0 ? 700 : 3))],
  ])('writes %s in order, and reports when they are written', async (_, sizes) => {
    const reader = new Collector()
    const transport = await dial(reader)
    const socket = await accepted
    const chunks = sizes.map((size, i) => Buffer.alloc(size, i))
    const whole = Buffer.concat([...chunks, Buffer.from('end')])
    const arrived = read(socket, whole.length)
    await new Promise<void>((resolve) => transport.write(chunks, resolve))
    await new Promise<void>((resolve) => transport.write([Buffer.from('end')], resolve))
    expect((await arrived).equals(whole)).toBe(true)
    transport.destroy()
    socket.destroy()
    await reader.ended
  })

  test('does not report bytes as written when it was closed first', async () => {
    const reader = new Collector()
    const transport = await dial(reader)
    const socket = await accepted
    socket.pause()
    let flushed = false
    transport.write([Buffer.alloc(64 << 20)], () => {
      flushed = true
    })
    transport.destroy()
    await reader.ended
    expect(flushed).toBe(false)
    socket.destroy()
  })

  test('stops reading while paused', async () => {
    const reader = new Collector()
    const transport = await dial(reader)
    const socket = await accepted
    transport.pause()
    socket.write('held')
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect(reader.bytes.length).toBe(0)
    transport.resume()
    await reader.received(4)
    expect(reader.bytes.toString()).toBe('held')
    transport.destroy()
    await reader.ended
    socket.destroy()
  })

  test('reports the end of the peer once, after a clean shutdown or a reset', async () => {
    const reader = new Collector()
    await dial(reader)
    const socket = await accepted
    socket.end()
    expect(await reader.ended).toBeUndefined()

    accepted = once(server, 'connection').then(([other]) => other as Socket)
    const broken = new Collector()
    await dial(broken)
    const other = await accepted
    other.resetAndDestroy()
    expect(await broken.ended).toMatchObject({ code: 'ECONNRESET' })
  })
})

describe('dialling', () => {
  test('rejects with the reason when no server listens', async () => {
    server.close()
    await once(server, 'close')
    await expect(dial(new Collector())).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('ends with its signal, and leaves no socket', async () => {
    const controller = new AbortController()
    const dialled = dial(new Collector(), controller.signal)
    controller.abort(new Error('enough'))
    await expect(dialled).rejects.toThrow('enough')
    await expect(dial(new Collector(), controller.signal)).rejects.toThrow('enough')
  })

  test('rejects with TLS when the peer closes the connection or uses another protocol', async () => {
    server.on('connection', (socket) => {
      socket.on('error', () => {})
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    const target = { address: '127.0.0.1', port, serverName: '127.0.0.1', tls: {} }
    await expect(nodeRuntime.dial(target, new Collector(), never)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_SSL|^ECONNRESET|^EPROTO/),
    })
  })

  const onDeno = skipReason('Deno does not check certificates before it connects: only the connect timeout ends it')
  test.skipIf('Deno' in globalThis)('rejects invalid certificates, and does not throw', onDeno, async () => {
    const target = { address: '127.0.0.1', port, serverName: '127.0.0.1', tls: { cert: 'no PEM', key: 'no PEM' } }
    await expect(nodeRuntime.dial(target, new Collector(), never)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_OSSL/),
    })
  })
})

describe("Node's runtime", () => {
  test('resolves an address to itself, and a name to its addresses', async () => {
    expect(await nodeRuntime.lookup('127.0.0.1')).toEqual(['127.0.0.1'])
    expect(await nodeRuntime.lookup('::1')).toEqual(['::1'])
    expect(await nodeRuntime.lookup('localhost')).toEqual(expect.arrayContaining([expect.stringMatching(/^127|^::1/)]))
  })

  test('reads the wall clock once per turn of the event loop', async () => {
    const first = nodeRuntime.tickNow()
    for (const startMs = nodeRuntime.monoNow(); nodeRuntime.monoNow() - startMs < 3; );
    expect(nodeRuntime.tickNow()).toBe(first)
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect(nodeRuntime.tickNow()).toBeGreaterThan(first)
  })

  test('does not fire timers beyond the longest of Node immediately', async () => {
    let fired = false
    const timer = nodeRuntime.setTimer(() => {
      fired = true
    }, 2 ** 40)
    for (const startMs = nodeRuntime.monoNow(); nodeRuntime.monoNow() - startMs < 3; );
    await new Promise((resolve) => setImmediate(resolve))
    nodeRuntime.clearTimer(timer)
    expect(fired).toBe(false)
  })
})
