import { expect, test } from 'vitest'
import { Emitter } from './emitter.ts'
import { silentLogger } from './logger.ts'

interface TestMap {
  grown: (event: { readonly size: number }) => void
  closed: () => void
}

function recorded() {
  const logged: unknown[] = []
  const logger = { ...silentLogger, error: (_message: string, fields?: object) => logged.push(fields) }
  return { logged, emitter: new Emitter<TestMap>(logger) }
}

test('a listener that throws or rejects is logged, and the next one is called', async () => {
  const { emitter, logged } = recorded()
  const sizes: number[] = []
  emitter.on('grown', () => {
    throw new Error('oops')
  })
  emitter.on('grown', async () => {
    throw new Error('later')
  })
  emitter.on('grown', ({ size }) => void sizes.push(size))
  emitter.emit('grown', { size: 3 })
  await Promise.resolve()
  await Promise.resolve()
  expect(sizes).toEqual([3])
  expect(logged).toMatchObject([
    { event: 'grown', error: 'Error: oops' },
    { event: 'grown', error: 'Error: later' },
  ])
})

test('a listener of once is called once, also when it emits the event again', () => {
  const { emitter } = recorded()
  let calls = 0
  emitter.once('closed', () => {
    calls++
    emitter.emit('closed')
  })
  emitter.emit('closed')
  expect([calls, emitter.hasListeners('closed')]).toEqual([1, false])
})

test('off removes a listener of on and of once', () => {
  const { emitter } = recorded()
  let calls = 0
  const count = () => void calls++
  emitter.on('closed', count)
  emitter.once('closed', count)
  emitter.off('closed', count)
  emitter.emit('closed')
  expect(calls).toBe(0)
})

test('a listener that is added or removed during an event does not change who receives it', () => {
  const { emitter } = recorded()
  const calls: string[] = []
  const second = () => void calls.push('second')
  emitter.on('closed', () => {
    calls.push('first')
    emitter.off('closed', second)
    emitter.on('closed', () => calls.push('third'))
  })
  emitter.on('closed', second)
  emitter.emit('closed')
  expect(calls).toEqual(['first', 'second'])
})
