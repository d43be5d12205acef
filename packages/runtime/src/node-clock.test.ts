import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { nodeBackgroundClock, nodeClock } from './node-clock.ts'

/** A server on another thread: it responds 30 ms after each request, while this thread may be blocked. */
const serverCode = `
  const { createServer } = require('node:net')
  const { parentPort } = require('node:worker_threads')
  const server = createServer((socket) => socket.on('data', () => setTimeout(() => socket.write('response'), 30)))
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

let server: Worker
let socket: Socket
let events: string[]

beforeAll(async () => {
  server = new Worker(serverCode, { eval: true })
  const [port] = await once(server, 'message')
  socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
})

afterAll(async () => {
  socket.destroy()
  await server.terminate()
})

beforeEach(() => {
  events = []
  socket.removeAllListeners('data')
  socket.on('data', () => events.push('response'))
})

/** No turn of the event loop happens for that long. */
function block(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

/** Sends a request whose response arrives while the event loop is blocked. */
async function request(): Promise<void> {
  await new Promise<void>((resolve) => socket.write('request', () => resolve()))
}

/** The next phase of the event loop after this one is that of the timers; sockets are read after it. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('a timer that is late because the event loop was blocked acts after what arrived meanwhile', async () => {
  await request()
  await turn()
  const fired = new Promise<void>((resolve) => {
    nodeClock.setTimer(() => {
      events.push('timer')
      resolve()
    }, 50)
  })
  block(200)
  await fired
  expect(events).toEqual(['response', 'timer'])
})

test('a response that was read after the block can still cancel the late timer', async () => {
  await request()
  await turn()
  const timer = nodeClock.setTimer(() => events.push('timer'), 50)
  const responded = once(socket, 'data').then(() => nodeClock.clearTimer(timer))
  block(200)
  await responded
  await turn()
  await turn()
  expect(events).toEqual(['response'])
})

test('a deadline that has passed already when its timer is set acts after what arrived', async () => {
  await request()
  await turn()
  block(200)
  await new Promise<void>((resolve) => {
    nodeClock.setTimer(() => {
      events.push('timer')
      resolve()
    }, -150)
    block(3)
  })
  expect(events).toEqual(['response', 'timer'])
})

test('a timer never fires early, and not after it was cleared', async () => {
  const startMs = nodeClock.monoNow()
  const cleared = nodeClock.setTimer(() => events.push('cleared'), 5)
  nodeClock.clearTimer(cleared)
  await new Promise<void>((resolve) => nodeClock.setTimer(resolve, 20.2))
  expect(nodeClock.monoNow() - startMs).toBeGreaterThanOrEqual(20.2)
  nodeClock.clearTimer(cleared)
  expect(events).toEqual([])
})

test('a timer for background work does not keep the process alive, and fires and is cleared like any other', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const before = timers()
  const cleared = nodeBackgroundClock.setTimer(() => events.push('cleared'), 5)
  const fired = new Promise<void>((resolve) => nodeBackgroundClock.setTimer(resolve, 10))
  expect(timers()).toBe(before)
  nodeBackgroundClock.clearTimer(cleared)
  const other = nodeClock.setTimer(() => {}, 60_000)
  expect(timers()).toBe(before + 1)
  nodeClock.clearTimer(other)
  await fired
  expect(events).toEqual([])
})
