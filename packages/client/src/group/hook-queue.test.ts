import { beforeEach, expect, test } from 'vitest'
import { ManualRuntime } from '../../test/support/manual-runtime.ts'
import { KafkaError } from '../errors.ts'
import { silentLogger } from '../logger.ts'
import { deferred } from '../runtime/deferred.ts'
import { HookQueue } from './hook-queue.ts'

const lost = new KafkaError('ABORTED', 'lost')
let runtime: ManualRuntime
let hooks: HookQueue
let calls: string[]

beforeEach(() => {
  runtime = new ManualRuntime()
  hooks = new HookQueue(runtime, silentLogger, { timeoutMs: 1_000, graceMs: 100 })
  calls = []
})

const note = (name: string) => async () => void calls.push(name)

test('runs hooks one after the other, and a failure concerns its caller only', async () => {
  const first = deferred<void>()
  const runs = [
    hooks.run('a', () => first.promise),
    hooks.run('b', note('b')),
    hooks.run('c', () => {
      throw new TypeError('c')
    }),
    hooks.run('d', note('d')),
  ]
  const outcomes = Promise.allSettled(runs)
  await runtime.settle()
  expect(calls).toEqual([])
  first.resolve()
  expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
  expect([calls, runtime.pendingTimers]).toEqual([['b', 'd'], 0])
})

test('a hook that was superseded before it began does not begin, one queued afterwards does', async () => {
  const waiting = hooks.run('onAssigned', note('onAssigned'))
  hooks.supersede(lost)
  const next = hooks.run('onLost', note('onLost'))
  await Promise.all([waiting, next])
  expect(calls).toEqual(['onLost'])
})

test('the failure of a hook after its signal aborted is not reported to the caller', async () => {
  const run = hooks.run('onRevoked', async (signal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    throw new Error('a consequence of the abort')
  })
  await runtime.settle()
  hooks.supersede(lost)
  await run
  expect(runtime.pendingTimers).toBe(0)
})

test('is idle when the hooks that were queued meanwhile have ended too', async () => {
  const first = deferred<void>()
  void hooks.run('a', () => first.promise)
  const idle = hooks.idle().then(note('idle'))
  await runtime.settle()
  void hooks.run('b', async () => {
    await Promise.resolve()
    calls.push('b')
  })
  first.resolve()
  await idle
  expect(calls).toEqual(['b', 'idle'])
})

test('close ends the wait for a hook that hangs, and leaves no timer', async () => {
  const run = hooks.run('onAssigned', () => new Promise(() => {}))
  await runtime.settle()
  hooks.supersede(lost)
  await runtime.settle()
  hooks.close(new KafkaError('CLOSED', 'closed'))
  await run
  expect(runtime.pendingTimers).toBe(0)
})
