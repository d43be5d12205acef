import type { ServerTransport, Transport, TransportReader } from '@ottla/runtime'
import { describe, expect, test } from 'vitest'
import { SimulatedTime } from '../../test/support/simulation.ts'
import { MemoryNetwork } from './memory.ts'

interface Side {
  readonly received: Buffer[]
  readonly ends: (Error | undefined)[]
  readonly reader: TransportReader
}

/** Reads at most `space` bytes at a time. */
function side(space = 1024): Side {
  const received: Buffer[] = []
  const ends: (Error | undefined)[] = []
  let target = Buffer.alloc(space)
  const reader = {
    space: () => {
      target = Buffer.alloc(space)
      return target
    },
    filled: (size: number) => void received.push(target.subarray(0, size)),
    closed: (error: Error | undefined) => void ends.push(error),
  }
  return { received, ends, reader }
}

const textOf = ({ received }: Side) => Buffer.concat(received).toString()

async function connected(space?: number) {
  const time = new SimulatedTime(3)
  const network = new MemoryNetwork(time.runtime)
  const client = side(space)
  const server = side(space)
  let accepted: ServerTransport | undefined
  network.listen('b', 1, (transport) => {
    accepted = transport
    return server.reader
  })
  const run = () => {
    while (time.step());
  }
  const dialling = network.dial(target('b', 1), client.reader, new AbortController().signal)
  run()
  const dialled = await dialling
  if (accepted === undefined) throw new Error('The connection was not accepted')
  return { client, server, dialled, accepted, run, network, time }
}

const target = (address: string, port: number) => ({ address, port, serverName: address })

function write(transport: Transport, text: string, onFlushed?: () => void): Uint8Array {
  const bytes = Buffer.from(text)
  transport.write([bytes.subarray(0, 1), bytes.subarray(1)], onFlushed)
  return bytes
}

describe('bytes', () => {
  test('arrive in order, in a later turn, in pieces that fit the buffer of the reader', async () => {
    const { server, dialled, run } = await connected(3)
    write(dialled, 'hello ')
    write(dialled, 'world')
    expect(server.received).toEqual([])
    run()
    expect(textOf(server)).toBe('hello world')
    expect(Math.max(...server.received.map(({ length }) => length))).toBe(3)
  })

  test('are copied by write, so that the writer may reuse its buffer', async () => {
    const { server, dialled, run } = await connected()
    const bytes = Buffer.from('mine')
    dialled.write([bytes])
    bytes.fill(0)
    run()
    expect(textOf(server)).toBe('mine')
  })

  test('are flushed when they arrive, and wait while the reader is paused', async () => {
    const { server, dialled, accepted, run } = await connected()
    let flushed = 0
    accepted.pause()
    write(dialled, 'late', () => flushed++)
    run()
    expect([textOf(server), flushed]).toEqual(['', 0])
    accepted.resume()
    run()
    expect([textOf(server), flushed]).toEqual(['late', 1])
  })
})

describe('the end of a connection', () => {
  test('follows all written bytes after a clean close', async () => {
    const { client, server, accepted, run } = await connected()
    write(accepted, 'bye')
    accepted.destroy()
    run()
    expect([textOf(client), client.ends, server.ends]).toEqual(['bye', [undefined], [undefined]])
  })

  test('is a reset after a crash, and loses bytes in flight', async () => {
    const { client, server, accepted, run } = await connected()
    write(accepted, 'lost')
    accepted.destroy(new Error('killed'))
    run()
    expect(textOf(client)).toBe('')
    expect(client.ends).toMatchObject([{ code: 'ECONNRESET' }])
    expect(server.ends).toMatchObject([{ message: 'killed' }])
  })

  test('is reported once, and later writes are dropped', async () => {
    const { client, server, dialled, run } = await connected()
    dialled.destroy()
    dialled.destroy()
    write(dialled, 'ghost')
    run()
    expect([textOf(server), client.ends.length, server.ends.length]).toEqual(['', 1, 1])
  })
})

describe('a dial', () => {
  test('to an address without a listener is refused', async () => {
    const { network, run, client } = await connected()
    const stop = network.listen('c', 2, () => client.reader)
    stop()
    const dialling = network.dial(target('c', 2), client.reader, new AbortController().signal)
    run()
    await expect(dialling).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('that is aborted rejects with the reason', async () => {
    const { network, run, client } = await connected()
    const controller = new AbortController()
    const dialling = network.dial(target('b', 1), client.reader, controller.signal)
    controller.abort(new Error('enough'))
    run()
    await expect(dialling).rejects.toThrow('enough')
  })
})
