import { patchBatch } from '@ottla/codec/records'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ConsumerOptions, UnreadableEvent } from '../../src/index.ts'
import { append, committedAt, consumerOf, value } from '../support/consuming.ts'
import { headersOf, lettersIn } from '../support/letters.ts'
import { onTestkit } from '../support/on-testkit.ts'
import { ScriptedConsumer } from '../support/scripted-consumer.ts'
import { failure } from '../support/settled.ts'

let scripted: ScriptedConsumer

beforeEach(() => {
  scripted = new ScriptedConsumer()
})

afterEach(() => scripted.close())

const at = { crc: 17, attributes: 21, lastOffsetDelta: 23 }

/** Changes bytes of a batch, without its checksum. */
function damage(index: number, change: (bytes: Buffer) => void): void {
  const { bytes } = scripted.log.batches[index]!
  change(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
}

const breakChecksum = (bytes: Buffer) => bytes.writeUInt8(bytes.readUInt8(at.crc) ^ 1, at.crc)
/** Makes the checksum right again: the batch was written like this. */
const reseal = (bytes: Buffer) => patchBatch(bytes, { baseSequence: 7 })

/** What a consumer reads within a few seconds. */
async function read(options: Partial<ConsumerOptions>, each?: (text: string) => void) {
  const consumer = scripted.consumer(options)
  const events: UnreadableEvent[] = []
  consumer.on('unreadable', (event) => events.push(event))
  const seen: string[] = []
  let error: unknown
  const running = consumer
    .run({
      retry: { attempts: 5, backoffMs: [500, 500] },
      each: (message) => {
        each?.(String(value(message)))
        seen.push(String(value(message)))
      },
    })
    .catch((reason: unknown) => {
      error = reason
    })
  await scripted.runtime.advance(10_000)
  const closing = consumer.close()
  await scripted.runtime.advance(2_000)
  await Promise.all([closing, running])
  const ranges = events.map(({ firstOffset, lastOffset, action }) => `${firstOffset}-${lastOffset} ${action}`)
  return { seen, ranges, error, committed: scripted.committed.get(0) }
}

describe('a batch that cannot be read', () => {
  test('fails the reader by default, with its range; nothing beyond it is committed', async () => {
    scripted.log.append(['a']).append(['x', 'y']).append(['c'])
    damage(1, breakChecksum)
    const { seen, error, committed, ranges } = await read({})
    expect([seen, committed, ranges]).toEqual([['a'], 1n, []])
    expect(error).toMatchObject({ code: 'CORRUPT_MESSAGE', offset: 1n, hint: expect.stringMatching(/onUnreadable/) })
    expect(String(error)).toMatch(/offset 1 to 2 failed/)
  })

  test('is skipped on purpose: its range is reported, and the commit moves behind it', async () => {
    scripted.log.append(['a']).append(['x', 'y']).append(['c'])
    damage(1, breakChecksum)
    const { seen, error, committed, ranges } = await read({ onUnreadable: 'skip' })
    expect([seen, committed, ranges, error]).toEqual([['a', 'c'], 4n, ['1-2 skipped'], undefined])
  })

  test('is skipped at the end of the log, and the commit follows', async () => {
    scripted.log.append(['a']).append(['x', 'y'])
    damage(1, breakChecksum)
    const { seen, committed, ranges } = await read({ onUnreadable: 'skip' })
    expect([seen, committed, ranges]).toEqual([['a'], 3n, ['1-2 skipped']])
  })

  test('is skipped for an unknown compression and for one that is too large', async () => {
    scripted.log
      .append(['a'])
      .append(['x'])
      .append(['0'.repeat(5_000)], { gzip: true })
      .append(['d'], { gzip: true })
    damage(1, (bytes) => {
      bytes.writeInt16BE(5, at.attributes)
      reseal(bytes)
    })
    const { seen, ranges } = await read({ onUnreadable: 'skip', maxDecompressedBytes: 1_000 })
    expect([seen, ranges]).toEqual([
      ['a', 'd'],
      ['1-1 skipped', '2-2 skipped'],
    ])
  })

  test('with a damaged end in its header skips nothing that can be read', async () => {
    scripted.log.append(['a']).append(['x', 'y']).append(['c']).append(['d'])
    damage(1, (bytes) => bytes.writeInt32BE(0x7ffffff0, at.lastOffsetDelta))
    const { seen, ranges, committed } = await read({ onUnreadable: 'skip' })
    expect([seen, ranges, committed]).toEqual([['a', 'c', 'd'], ['1-2 skipped'], 5n])
  })

  test('whose end is not certain fails: it is not known what to skip', async () => {
    scripted.log.append(['a']).append(['x', 'y'])
    damage(1, (bytes) => bytes.writeInt32BE(0x7ffffff0, at.lastOffsetDelta))
    const { error, committed } = await read({ onUnreadable: 'skip' })
    expect(error).toMatchObject({ code: 'CORRUPT_MESSAGE', offset: 1n })
    expect(committed).toBe(1n)
  })

  test('from its middle on is not passed: what was before is committed, and what follows is read after the skip', async () => {
    scripted.log.append(['a', 'b', 'c']).append(['d']).append(['e'])
    // The length of the second record.
    damage(0, (bytes) => {
      bytes[61 + 10] = 0x7f
      reseal(bytes)
    })
    const failed = await read({})
    expect([failed.seen, failed.committed]).toEqual([['a'], 1n])
    expect(failed.error).toMatchObject({ code: 'CORRUPT_MESSAGE', offset: 1n })
    const skipped = await read({ onUnreadable: 'skip' })
    expect([skipped.seen, skipped.ranges, skipped.committed]).toEqual([['d', 'e'], ['1-2 skipped'], 5n])
  })

  test('waits for an item before it that is retried, which is not lost', async () => {
    scripted.log.append(['a']).append(['x']).append(['c'])
    damage(1, breakChecksum)
    let attempts = 0
    const { seen, ranges, committed } = await read({ onUnreadable: 'skip' }, (text) => {
      if (text === 'a' && ++attempts < 4) throw new Error('not yet')
    })
    expect([seen, ranges, committed]).toEqual([['a', 'c'], ['1-1 skipped'], 3n])
  })

  test('is decided by a function, which may take its time; the position may move meanwhile', async () => {
    scripted.log.append(['x']).append(['y']).append(['c'])
    damage(0, breakChecksum)
    damage(1, breakChecksum)
    const decided: string[] = []
    const { error, committed } = await read({
      onUnreadable: async ({ firstOffset, lastOffset, topic, partition }) => {
        decided.push(`${topic} ${partition} ${firstOffset}-${lastOffset}`)
        await new Promise<void>((resolve) => scripted.runtime.setTimer(resolve, 1_000))
        return firstOffset === 0n ? 'skip' : 'fail'
      },
    })
    expect(decided).toEqual(['t 0 0-0', 't 0 1-1'])
    expect(error).toMatchObject({ code: 'CORRUPT_MESSAGE', offset: 1n })
    expect(committed).toBe(1n)
    const consumer = scripted.consumer({
      onUnreadable: () => new Promise((resolve) => scripted.runtime.setTimer(() => resolve('skip'), 3_000)),
    })
    const next = consumer.messages().next()
    await scripted.runtime.advance(2_000)
    consumer.seek({ topic: 't', partition: 0, offset: 2n })
    await scripted.runtime.advance(5_000)
    expect(value((await next).value)).toBe('c')
    const closing = consumer.close()
    await scripted.runtime.advance(6_000)
    await closing
  })

  test('fails when the function throws or returns something else', async () => {
    scripted.log.append(['x'])
    damage(0, breakChecksum)
    const thrown = await read({
      onUnreadable: () => {
        throw new Error('a bug')
      },
    })
    expect(thrown.error).toMatchObject({ code: 'CORRUPT_MESSAGE' })
    expect(String(thrown.error)).toMatch(/onUnreadable.*a bug/)
    const wrong = await read({ onUnreadable: (() => 'ignore') as never })
    expect(String(wrong.error)).toMatch(/none of 'fail', 'skip' and 'dead-letter'/)
  })
})

describe('the description of a batch that cannot be read', () => {
  const topics = { t: 1, dlq: 1 }

  test('is stored before the batch is skipped', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['x', 'y'])
      scenario.fault('Fetch', 'corruptCrc', 'once')
      const deadLetter = { topic: 'dlq', headers: 'connect' } as const
      const consumer = consumerOf(scenario, { onUnreadable: 'dead-letter', deadLetter })
      const ranges: unknown[] = []
      consumer.on('unreadable', ({ action }) => ranges.push(action))
      const seen: unknown[] = []
      const running = consumer.run({ each: (message) => void seen.push(value(message)) })
      await scenario.advance('2s')
      await append(scenario, 0, ['c'])
      await scenario.advance('2s')
      expect([ranges, seen]).toEqual([['dead-lettered'], ['c']])
      const [letter, ...more] = await lettersIn(scenario, 'dlq')
      expect(more).toEqual([])
      const description = JSON.parse(String(letter!.value)) as Record<string, unknown>
      expect(description).toMatchObject({ topic: 't', partition: 0, firstOffset: '0', lastOffset: '1' })
      expect(headersOf(letter!)).toMatchObject({
        '__connect.errors.topic': 't',
        '__connect.errors.offset': '0',
        'ottla-unreadable-last-offset': '1',
      })
      await consumer.close()
      await running
      expect(committedAt(scenario)).toBe(3)
    }))

  test('that cannot be stored fails the reader, and skips nothing', () =>
    onTestkit({ topics }, async (scenario) => {
      await append(scenario, 0, ['x'])
      scenario.fault('Fetch', 'corruptCrc', 'once')
      scenario.fault('Produce', { error: 'TOPIC_AUTHORIZATION_FAILED' })
      const consumer = consumerOf(scenario, { onUnreadable: () => 'dead-letter', deadLetter: { topic: 'dlq' } })
      const error = await failure(consumer.run({ each: () => {} }))
      expect(String(error)).toMatch(/TOPIC_AUTHORIZATION_FAILED/)
      await consumer.close()
      expect(committedAt(scenario)).toBe(0)
    }))

  test('needs a topic; other options are refused by name', () =>
    onTestkit({ topics }, async (scenario) => {
      const refused: [object, RegExp][] = [
        [{ onUnreadable: 'ignore' }, /'onUnreadable' .* must be 'fail', 'skip', 'dead-letter' or a function/],
        [{ onUnreadable: 'dead-letter' }, /'onUnreadable' .* needs the name of a topic in 'deadLetter.topic'/],
        [{ onUnreadable: 'dead-letter', deadLetter: { topic: () => 'dlq' } }, /needs the name of a topic/],
        [{ deadLetter: {} }, /'deadLetter.topic' of kafka.consumer\(\)/],
      ]
      for (const [options, message] of refused) expect(() => consumerOf(scenario, options)).toThrow(message)
    }))
})
