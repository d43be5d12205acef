import type { Transport } from '@ottla/runtime'
import { describe, expect, test } from 'vitest'
import { WriteGate } from './write-gate.ts'

const largeBytes = 1 << 20
const smallBytes = 1_000

function gateTo(isLocal: boolean | undefined) {
  const written: string[] = []
  const transport: Transport = {
    ...(isLocal === undefined ? {} : { isLocal }),
    write: ([chunk], onFlushed) => {
      written.push(Buffer.from(chunk!).toString())
      onFlushed?.()
    },
    pause: () => {},
    resume: () => {},
    destroy: () => {},
  }
  const gate = new WriteGate()
  const write = (name: string, bytes: number, onFlushed?: () => void) =>
    gate.write(transport, { chunks: [Buffer.from(name)], bytes, onFlushed })
  return { written, write, responded: () => gate.responded(transport) }
}

describe('requests to the same host', () => {
  test('a large one is written when those before it have their responses', () => {
    const { written, write, responded } = gateTo(true)
    for (const name of ['a', 'b', 'c']) write(name, largeBytes)
    expect(written).toEqual(['a'])
    responded()
    expect(written).toEqual(['a', 'b'])
    responded()
    expect(written).toEqual(['a', 'b', 'c'])
    responded()
    write('d', largeBytes)
    expect(written).toEqual(['a', 'b', 'c', 'd'])
  })

  test('small ones are written immediately, but not before a large one that waits', () => {
    const { written, write, responded } = gateTo(true)
    for (const name of ['a', 'b']) write(name, smallBytes)
    expect(written).toEqual(['a', 'b'])
    write('c', largeBytes)
    write('d', smallBytes)
    write('e', largeBytes)
    responded()
    expect(written).toEqual(['a', 'b'])
    responded()
    expect(written).toEqual(['a', 'b', 'c', 'd'])
    for (let at = 0; at < 2; at++) responded()
    expect(written).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('the caller of a held one learns when it is flushed', () => {
    const { write, responded } = gateTo(true)
    let flushed = 0
    write('a', largeBytes)
    write('b', largeBytes, () => flushed++)
    expect(flushed).toBe(0)
    responded()
    expect(flushed).toBe(1)
  })
})

test.each([false, undefined])('over a network (%s) each request is written immediately', (isLocal) => {
  const { written, write } = gateTo(isLocal)
  for (const name of ['a', 'b', 'c']) write(name, largeBytes)
  expect(written).toEqual(['a', 'b', 'c'])
})
