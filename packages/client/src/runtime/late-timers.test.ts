import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Transport } from '@ottla/runtime'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DeadlineTimer } from './deadline-timer.ts'
import { type Deferred, deferred } from './deferred.ts'
import { nodeRuntime } from './node-runtime.ts'
import { within, withSignal } from './wait.ts'

/** A server on another thread: it responds 30 ms after each request, while this thread may be blocked. */
const serverCode = `
  const { createServer } = require('node:net')
  const { parentPort } = require('node:worker_threads')
  const server = createServer((socket) => socket.on('data', () => setTimeout(() => socket.write('response'), 30)))
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

let server: Worker
let transport: Transport
let response: Deferred<string>

beforeAll(async () => {
  server = new Worker(serverCode, { eval: true })
  const [port] = await once(server, 'message')
  const memory = Buffer.alloc(64)
  const reader = {
    space: () => memory,
    filled: (size: number) => response.resolve(memory.toString('latin1', 0, size)),
    closed: () => {},
  }
  const target = { address: '127.0.0.1', port, serverName: 'localhost' }
  transport = await nodeRuntime.dial(target, reader, new AbortController().signal)
})

afterAll(async () => {
  transport.destroy()
  await server.terminate()
})

/** Sends a request whose response arrives while the event loop is blocked; timers are the next thing that Node runs. */
async function request(): Promise<void> {
  response = deferred()
  await new Promise<void>((resolve) => transport.write([Buffer.from('request')], resolve))
  await new Promise<void>((resolve) => setImmediate(resolve))
}

function block(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

test('a call whose deadline passed while the event loop was blocked gets the response that arrived meanwhile', async () => {
  await request()
  const limits = { operation: 'Requesting', timeoutMs: 50 }
  const result = within(nodeRuntime, limits, (signal) => withSignal(response.promise, signal))
  block(200)
  expect(await result).toBe('response')
})

test('a deadline that a blocked event loop missed is handled after the response that arrived meanwhile', async () => {
  await request()
  const events: string[] = []
  void response.promise.then((text) => events.push(text))
  const due = deferred<void>()
  const timer = new DeadlineTimer(nodeRuntime, () => {
    events.push('deadline')
    due.resolve()
    return Number.POSITIVE_INFINITY
  })
  block(200)
  timer.wakeBy(nodeRuntime.monoNow() - 100)
  block(3)
  await due.promise
  expect(events).toEqual(['response', 'deadline'])
})
