import { ApiVersions, decodeResponse, encodeRequest } from '@ottla/codec'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createCluster, type FaultAction, type TestCluster } from '../src/index.ts'

let cluster: TestCluster

beforeEach(async () => {
  cluster = await createCluster({ brokers: 1, time: 'virtual' })
})

afterEach(() => cluster.close())

interface Arrival {
  readonly atMs: number
  readonly bytes: Buffer
}

/** The bytes of the response to one ApiVersions request with correlation id 7 that arrive within a minute, with their times. */
async function arrivals(action: FaultAction): Promise<Arrival[]> {
  cluster.faults.add({ match: { api: 'ApiVersions' }, action })
  const arrived: Arrival[] = []
  const buffer = Buffer.alloc(1 << 16)
  const reader = {
    space: () => buffer,
    filled: (size: number) =>
      void arrived.push({ atMs: cluster.runtime.monoNow(), bytes: Buffer.from(buffer.subarray(0, size)) }),
    closed: () => {},
  }
  await cluster.run(async () => {
    const target = { address: 'broker-1', port: 9092, serverName: 'broker-1' }
    const transport = await cluster.runtime.dial(target, reader, new AbortController().signal)
    const body = { clientSoftwareName: 'x', clientSoftwareVersion: '1' }
    transport.write(encodeRequest(ApiVersions, 3, { correlationId: 7, clientId: 'raw' }, body))
    await cluster.clock.advance('1m')
    transport.destroy()
  })
  return arrived
}

const whole = (arrived: readonly Arrival[]) => Buffer.concat(arrived.map(({ bytes }) => bytes))

/** The frames of a stream, without their lengths. */
function frames(bytes: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at < bytes.length; at += 4 + bytes.readInt32BE(at)) {
    found.push(bytes.subarray(at + 4, at + 4 + bytes.readInt32BE(at)))
  }
  return found
}

test('changes only the correlation id', async () => {
  const [frame = Buffer.alloc(4)] = frames(whole(await arrivals('wrongCorrelationId')))
  expect(frame.readInt32BE(0)).not.toBe(7)
  expect(decodeResponse(ApiVersions, 3, frame).body.errorCode).toBe(0)
})

test('sends a response twice', async () => {
  const [first, second, ...more] = frames(whole(await arrivals('respondTwice')))
  expect(first).toEqual(second)
  expect(more).toEqual([])
})

test('sends random bytes from the seed', async () => {
  const bytes = whole(await arrivals({ garbage: 100 }))
  expect(bytes.length).toBe(100)
  expect(new Set(bytes).size).toBeGreaterThan(50)
})

test('sends small pieces, each in its own turn', async () => {
  const arrived = await arrivals({ chunks: 16 })
  expect(Math.max(...arrived.map(({ bytes }) => bytes.length))).toBe(16)
  expect(new Set(arrived.map(({ atMs }) => atMs)).size).toBeGreaterThan(5)
  const [frame = Buffer.alloc(4)] = frames(whole(arrived))
  expect(decodeResponse(ApiVersions, 3, frame).body.errorCode).toBe(0)
})

test('sends bytes one by one over ten seconds', async () => {
  const arrived = await arrivals({ drip: '10s' })
  const tookMs = (arrived.at(-1)?.atMs ?? 0) - (arrived[0]?.atMs ?? 0)
  expect(Math.abs(tookMs - 10_000)).toBeLessThan(100)
  const [frame = Buffer.alloc(4)] = frames(whole(arrived))
  expect(decodeResponse(ApiVersions, 3, frame).body.errorCode).toBe(0)
})

test.each([{ garbage: 0 }, { chunks: 0 }, { drip: 'soon' }, { garbage: 1 << 30 }])('rejects %j', (action) => {
  expect(() => cluster.faults.add({ match: {}, action: action as FaultAction })).toThrow(TypeError)
})
