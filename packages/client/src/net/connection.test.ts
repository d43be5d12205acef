import { ApiVersions, encodeResponse, Heartbeat, Metadata, Produce } from '@ottla/codec'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualRuntime } from '../../test/support/manual-runtime.ts'
import { ScriptedBroker, type ScriptedRequest } from '../../test/support/scripted-broker.ts'
import type { ScriptedNetwork, ScriptedSocket } from '../../test/support/scripted-network.ts'
import type { KafkaError } from '../errors.ts'
import { Metrics } from '../metrics.ts'
import { ApiRanges } from './api-ranges.ts'
import { Connection } from './connection.ts'
import { Observer } from './observer.ts'
import { PendingRequest } from './pending-request.ts'
import { VersionFallback } from './version-fallback.ts'

const broker = { id: 1, host: 'broker', port: 9091 }
const ranges = new ApiRanges([
  { apiKey: Heartbeat.key, minVersion: 0, maxVersion: 4 },
  { apiKey: Metadata.key, minVersion: 0, maxVersion: 12 },
  { apiKey: Produce.key, minVersion: 3, maxVersion: 11 },
])
const beat = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }
const limits = {
  maxResponseBytes: 4 << 20,
  maxInFlightRequests: 3,
  requestTimeoutMs: 1_000,
  connectionsMaxIdleMs: 60_000,
  maxThrottleMs: 5_000,
}

let network: ScriptedNetwork
let runtime: ManualRuntime
let peer: ScriptedBroker
let metrics: Metrics
let observer: Observer
let connection: Connection
let closedWith: (KafkaError | undefined)[]
let writable: number

const settle = () => runtime.settle()
const beats = () => peer.requests(Heartbeat)

async function connect(firstCorrelationId?: number): Promise<ScriptedSocket> {
  const config = {
    runtime,
    broker,
    purpose: 'general',
    clientId: 'test',
    limits,
    observer,
    versions: new VersionFallback(runtime),
    onClosed: (error: KafkaError | undefined) => closedWith.push(error),
    onGone: () => {},
    onWritable: () => writable++,
    onThrottled: () => {},
  }
  connection = new Connection(config, firstCorrelationId)
  const target = { address: 'broker', port: 9091, serverName: 'broker' }
  connection.attach(await network.dial(target, connection, new AbortController().signal))
  return network.sockets.at(-1)!
}

function request(timeoutMs = 1_000, options: { signal?: AbortSignal; body?: unknown } = {}) {
  return new Promise<{ errorCode: number }>((resolve, reject) => {
    const createdMs = runtime.monoNow()
    const times = metrics.requests('Heartbeat', 1)
    const rest = { expectsResponse: true, observer, times, createdMs, dueMs: createdMs + timeoutMs, resolve, reject }
    connection.send(new PendingRequest(Heartbeat, options.body ?? beat, options, rest))
  })
}

function requestMetadata() {
  return new Promise<{ clusterId: string | null }>((resolve, reject) => {
    const times = metrics.requests('Metadata', 1)
    const dueMs = runtime.monoNow() + 1_000
    const rest = { expectsResponse: true, observer, times, createdMs: 0, dueMs, resolve, reject }
    const body = { topics: null, includeTopicAuthorizedOperations: false }
    connection.send(new PendingRequest(Metadata, body, {}, rest))
  })
}

const reply = (to: ScriptedRequest<typeof Heartbeat>, errorCode = 0) => to.respond({ errorCode })

beforeEach(() => {
  runtime = new ManualRuntime()
  network = runtime.network
  peer = new ScriptedBroker(network)
  peer.on(ApiVersions, () => undefined)
  peer.on(Metadata, () => undefined)
  metrics = new Metrics()
  observer = new Observer(metrics, runtime, 'test')
  closedWith = []
  writable = 0
})

describe('a connection', () => {
  test('resolves each request with the response in its position', async () => {
    await connect()
    connection.ready(ranges)
    const all = [request(), request(), request()]
    await settle()
    for (const [i, got] of beats().entries()) reply(got, i)
    expect((await Promise.all(all)).map(({ errorCode }) => errorCode)).toEqual([0, 1, 2])
    expect(connection.inFlight).toBe(0)
    expect(metrics.snapshot().apis.Heartbeat).toMatchObject({ requests: 3, errors: 0 })
  })

  test('wraps correlation ids at 2^31 - 1', async () => {
    await connect(0x7fffffff - 2)
    connection.ready(ranges)
    peer.on(Heartbeat, () => ({ errorCode: 0 }))
    await Promise.all([request(), request(), request()])
    await request()
    expect(beats().map(({ correlationId }) => correlationId)).toEqual([0x7ffffffe, 0x7fffffff, 0, 1])
  })

  test('drops the late response of a request that timed out, and continues', async () => {
    await connect()
    connection.ready(ranges)
    const hasty = request(100)
    const failed = expect(hasty).rejects.toMatchObject({
      code: 'REQUEST_TIMED_OUT',
      outcome: 'unknown',
      retriable: true,
    })
    await runtime.advance(150)
    await failed
    const next = request()
    await settle()
    reply(beats()[0]!, 7)
    reply(beats()[1]!, 9)
    expect((await next).errorCode).toBe(9)
    expect(connection.isClosed).toBe(false)
    expect(metrics.snapshot().counters.lateResponses).toBe(1)
  })

  test('closes when its first request gets no response within requestTimeoutMs', async () => {
    await connect()
    connection.ready(ranges)
    const first = expect(request(100)).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' })
    await runtime.advance(600)
    const second = expect(request(1_000)).rejects.toMatchObject({ code: 'CONNECTION_LOST', outcome: 'unknown' })
    await runtime.advance(399)
    expect(connection.isClosed).toBe(false)
    await runtime.advance(2)
    await Promise.all([first, second])
    expect(connection.isClosed).toBe(true)
    await settle()
    expect(network.open).toEqual([])
    expect(runtime.pendingTimers).toBe(0)
  })

  test('measures the timeout of a request from when it became the first in flight', async () => {
    await connect()
    connection.ready(ranges)
    const long = request(5_000)
    const short = expect(request(500)).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' })
    await runtime.advance(3_000)
    await short
    reply(beats()[0]!)
    await long
    await runtime.advance(999)
    expect(connection.isClosed).toBe(false)
    await runtime.advance(2)
    expect(connection.isClosed).toBe(true)
  })

  test('closes when the correlation id is not that of the first request', async () => {
    await connect()
    connection.ready(ranges)
    const lost = expect(request()).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' })
    await settle()
    const [beat] = beats()
    beat!.respond({ errorCode: 0 }, { correlationId: beat!.correlationId + 1 })
    await lost
    expect(connection.isClosed).toBe(true)
  })

  test('closes on a response without a request', async () => {
    const socket = await connect()
    connection.ready(ranges)
    socket.send(...encodeResponse(Heartbeat, 4, 5, { throttleTimeMs: 0, errorCode: 0 }))
    await settle()
    expect(closedWith[0]).toMatchObject({ code: 'PROTOCOL_ERROR' })
  })

  test('closes on a response that cannot be decoded, and names its API and version', async () => {
    const socket = await connect()
    connection.ready(ranges)
    const lost = expect(request()).rejects.toThrow(/Heartbeat version 4 that cannot be decoded/)
    await settle()
    const bytes = Buffer.from([0, 0, 0, 5, 0, 0, 0, 0, 0])
    bytes.writeInt32BE(beats()[0]!.correlationId, 4)
    socket.send(bytes)
    await lost
    expect(connection.isClosed).toBe(true)
  })

  test('survives a response truncated at any byte, or with any byte changed', async () => {
    let sent = 0
    peer.on(Metadata, (received) => {
      const whole = received.encode(metadata)
      const at = sent++
      const bytes = at < whole.length - 8 ? Buffer.from(whole.subarray(0, 8 + at)) : Buffer.from(whole)
      if (at >= whole.length - 8) bytes[8 + at - (whole.length - 8)]! ^= 0xff
      bytes.writeInt32BE(bytes.length - 4, 0)
      received.socket.send(bytes)
      return undefined
    })
    const metadata = {
      throttleTimeMs: 0,
      brokers: [{ nodeId: 1, host: 'h', port: 1 }],
      clusterId: 'c',
      topics: [{ errorCode: 0, name: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', isInternal: false, partitions: [] }],
    }
    const outcomes = { read: 0, refused: 0 }
    const count = encodeResponse(Metadata, 12, 0, metadata).reduce((sum, { length }) => sum + length, 0) - 8
    for (let i = 0; i < 2 * count; i++) {
      await connect()
      connection.ready(ranges)
      const error = await requestMetadata()
        .then(() => undefined)
        .catch((reason: unknown) => reason)
      if (error === undefined) outcomes.read++
      else outcomes.refused++
      if (error !== undefined) expect(error).toMatchObject({ code: 'PROTOCOL_ERROR', outcome: 'unknown' })
      connection.close()
    }
    expect(outcomes.refused).toBeGreaterThan(count)
    expect(outcomes.read + outcomes.refused).toBe(2 * count)
    expect(runtime.pendingTimers).toBe(0)
  })

  test('rejects requests in flight with the reason for closing', async () => {
    await connect()
    connection.ready(ranges)
    const lost = expect(request()).rejects.toMatchObject({ code: 'CONNECTION_LOST', outcome: 'unknown' })
    network.sockets[0]!.close(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
    await lost
    expect(closedWith).toHaveLength(1)
    expect(closedWith[0]!.message).toContain('connection reset')
    expect(runtime.pendingTimers).toBe(0)
  })

  test('drops a request whose signal aborts, and its listener', async () => {
    await connect()
    connection.ready(ranges)
    const controller = new AbortController()
    const aborted = expect(request(1_000, { signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' })
    await settle()
    controller.abort()
    await aborted
    const next = request()
    await settle()
    for (const got of beats()) reply(got)
    await next
    expect(connection.isClosed).toBe(false)
  })

  test('rejects a body that cannot be encoded without harm to other requests', async () => {
    await connect()
    connection.ready(ranges)
    await expect(request(1_000, { body: { groupId: 5 } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      outcome: 'not-written',
    })
    peer.on(Heartbeat, () => ({ errorCode: 0 }))
    await request()
    expect(beats()).toHaveLength(1)
  })

  test('is not writable with maxInFlightRequests in flight, and reports when it is again', async () => {
    await connect()
    connection.ready(ranges)
    const all = [request(), request(), request()]
    expect(connection.writable).toBe(false)
    await settle()
    reply(beats()[0]!)
    await all[0]
    expect(connection.writable).toBe(true)
    expect(writable).toBe(1)
    for (const got of beats().slice(1)) reply(got)
    await Promise.all(all)
  })
})

describe('limits of a connection', () => {
  const frame = (bytes: number) => {
    const head = Buffer.alloc(4)
    head.writeInt32BE(bytes)
    return head
  }

  test('accepts at most 1 MiB before the handshake is done', async () => {
    const socket = await connect()
    const lost = expect(connection.exchange(ApiVersions, 0, {}, 1_000)).rejects.toMatchObject({
      code: 'PROTOCOL_ERROR',
    })
    await settle()
    socket.send(frame((1 << 20) + 1))
    await lost
  })

  test('accepts maxResponseBytes afterwards, also in a read that began before', async () => {
    const socket = await connect()
    connection.space()
    connection.ready(ranges)
    const response = requestMetadata()
    await settle()
    const brokers = Array.from({ length: 40_000 }, (_, nodeId) => ({ nodeId, host: 'h'.repeat(40), port: 1 }))
    const large = peer.requests(Metadata)[0]!.encode({ brokers, clusterId: 'c', topics: [] })
    expect(large.length).toBeGreaterThan(1 << 20)
    // The first bytes are read into the space that was provided before `ready`.
    socket.send(large)
    expect((await response).clusterId).toBe('c')
  })

  test.each([
    ['TLS', Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x50]), 'TLS_MISMATCH', /speaks TLS/],
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n'), 'PROTOCOL_ERROR', /an HTTP server/],
    ['SSH', Buffer.from('SSH-2.0-OpenSSH_9\r\n'), 'PROTOCOL_ERROR', /an SSH server/],
    ['a negative length', Buffer.from([0xff, 0xff, 0xff, 0xff]), 'PROTOCOL_ERROR', /-1 bytes/],
  ])('recognises %s by its first bytes', async (_, bytes, code, message) => {
    const socket = await connect()
    const lost = connection.exchange(ApiVersions, 0, {}, 1_000)
    const failed = expect(lost).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    await settle()
    socket.send(bytes)
    await failed
    await settle()
    expect(network.open).toEqual([])
  })
})

describe('time on a connection', () => {
  test('honours the throttle time of a response (KIP-219), up to maxThrottleMs', async () => {
    await connect()
    connection.ready(ranges)
    peer.on(Heartbeat, () => ({ throttleTimeMs: 2_000, errorCode: 0 }))
    await request()
    expect(connection.writable).toBe(false)
    await runtime.advance(1_999)
    expect(connection.writable).toBe(false)
    const before = writable
    await runtime.advance(2)
    expect(connection.writable).toBe(true)
    expect(writable).toBe(before + 1)
    peer.on(Heartbeat, () => ({ throttleTimeMs: 0x7fffffff, errorCode: 0 }))
    await request()
    await runtime.advance(5_001)
    expect(connection.writable).toBe(true)
    expect(metrics.snapshot().counters.throttleMs).toBe(7_000)
  })

  test.each([1, 2])('continues after a throttle of %i ms', async (throttleTimeMs) => {
    await connect()
    connection.ready(ranges)
    peer.on(Heartbeat, () => ({ throttleTimeMs, errorCode: 0 }))
    await request()
    await runtime.advance(3)
    expect(connection.writable).toBe(true)
  })

  test('closes cleanly when idle, never while a request is in flight', async () => {
    await connect()
    connection.ready(ranges)
    await runtime.advance(59_000)
    const held = request(200_000)
    await runtime.advance(100_000)
    expect(connection.isClosed).toBe(false)
    reply(beats()[0]!)
    await held
    await runtime.advance(59_000)
    expect(connection.isClosed).toBe(false)
    await runtime.advance(1_100)
    expect(closedWith).toEqual([undefined])
    expect(runtime.pendingTimers).toBe(0)
  })

  test('has one timer, however many requests are in flight', async () => {
    await connect()
    connection.ready(ranges)
    const all = [request(900), request(800), request(700)]
    expect(runtime.pendingTimers).toBe(1)
    await settle()
    for (const got of beats()) reply(got)
    await Promise.all(all)
  })

  test('re-authenticates when nothing is in flight, and sends no requests meanwhile', async () => {
    await connect()
    connection.ready(ranges)
    let finish: (afterMs: number) => void = () => {}
    let rounds = 0
    const again = () => {
      rounds++
      return new Promise<number>((resolve) => {
        finish = resolve
      })
    }
    connection.reauthenticateAfter(500, again)
    const held = request(5_000)
    await runtime.advance(600)
    expect([rounds, connection.writable]).toEqual([0, false])
    reply(beats()[0]!)
    await held
    expect([rounds, connection.writable]).toEqual([1, false])
    finish(500)
    await settle()
    expect(connection.writable).toBe(true)
    await runtime.advance(501)
    expect(rounds).toBe(2)
    finish(0)
    await settle()
    await runtime.advance(5_000)
    expect([rounds, connection.writable]).toEqual([2, true])
  })

  test('closes with the reason when re-authentication fails', async () => {
    await connect()
    connection.ready(ranges)
    connection.reauthenticateAfter(500, () => Promise.reject(new Error('token refused')))
    await runtime.advance(501)
    expect(closedWith[0]!.message).toContain('token refused')
  })
})
