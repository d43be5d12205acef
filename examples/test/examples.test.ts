import { describe, expect, test } from 'vitest'
import { runExample } from './run-example.ts'

describe('each example on its own', { timeout: 60_000 }, () => {
  test('user-events prints each event as JSON; the other applications read the same', async () => {
    const { code, lines, stderr } = await runExample('user-events', ['--count', '5', '--interval-ms', '20'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const events = lines
      .filter((line) => line.includes('collector  {'))
      .map((line) => JSON.parse(line.split('collector')[1] ?? ''))
    expect(events).toHaveLength(5)
    for (const event of events) {
      expect(event.event_id).toMatch(/^[0-9a-f-]{36}$/)
      expect(new Date(event.event_datetime).toISOString()).toBe(event.event_datetime)
      expect(['buy', 'sell', 'click', 'hover', 'idle_5']).toContain(event.event_type)
    }
    const counter = lines.find((line) => line.includes('counter  ')) ?? ''
    expect([...counter.matchAll(/(\d+)(,|$)/g)].reduce((sum, [, count]) => sum + Number(count), 0)).toBe(5)
  })

  test('users: another member continues the partition of a killed one', async () => {
    const { code, lines } = await runExample('users')
    expect(code).toBe(0)
    expect(lines.join('\n')).toMatch(/is killed: partition (\d)[\s\S]*another member continues partition \1/)
  })

  test('orders: billing resumes after its last commit, payments are in order', async () => {
    const { code, lines } = await runExample('orders', ['--count', '20'])
    expect(code).toBe(0)
    const text = lines.join('\n')
    expect(text).toContain('billing has resumed after its last commit: 20 of 20, none twice')
    expect(text).toMatch(/payments of user-10: 10 on partition \d, in order/)
    expect(text).toMatch(/feedback without a key, by partition: [1-9]\d*, [1-9]\d*, [1-9]\d*, [1-9]/)
  })

  test('items-list ends by itself, and counts what a crash repeats', async () => {
    const { code, lines } = await runExample('items-list')
    expect(code).toBe(0)
    const text = lines.join('\n')
    expect(text).toContain('a second without a record: 1000 numbers, sum 499500 (right)')
    expect(text).toContain(
      'manual commits every 50 records: of 120 records handled before the crash, 20 were delivered again',
    )
    expect(text).toContain(
      'automatic commits, every 5 s and at close: of 120 records handled before the crash, 120 were delivered again',
    )
  })

  test('articles counts the words after a pipeline of three topics', async () => {
    const { code, lines } = await runExample('articles')
    expect(code).toBe(0)
    expect(lines[0]).toMatch(/▇{10} 10 the/)
  })

  test('transfers: each one is booked exactly once, although the processor is killed', async () => {
    const { code, lines, stderr } = await runExample('transfers', ['--count', '60'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines.join('\n')).toContain('processor-1 is killed in the middle of a transaction')
    expect(lines.at(-1)).toBe('60 transfers: 120 bookings, 0 twice, sum of all accounts 0')
  })

  test('failover loses, duplicates and reorders nothing', async () => {
    const { code, lines } = await runExample('failover', ['--count', '5000'])
    expect(code).toBe(0)
    expect(lines.at(-1)).toContain('5000 records, 50 keys: lost 0, duplicated 0, reordered 0')
  })
  test('logging writes the messages of the client as JSON, with their fields', async () => {
    const { code, lines, stderr } = await runExample('logging')
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const records = lines.map((line) => JSON.parse(line))
    const [warning] = records.filter(({ component }) => component === 'kafka')
    expect(warning).toMatchObject({ level: 40, service: 'billing', hint: expect.any(String) })
    expect(warning.msg).toContain('still trying')
    expect(records.at(-1)).toMatchObject({ msg: 'the payment is stored', partition: 0, offset: 0 })
  })

  test('socks reaches brokers that only the proxy can resolve, over TLS', async () => {
    const { code, lines, stderr } = await runExample('socks')
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines.slice(0, 3).sort()).toEqual(['partition 0: 12.50', 'partition 1: 12.50', 'partition 2: 12.50'])
    expect(lines.at(-1)).toBe(
      'hosts that the proxy connected to: 127.0.0.1, broker-1.inner, broker-2.inner, broker-3.inner',
    )
  })

  test('time-travel simulates three hours, and the same seed repeats them', async () => {
    const [one, same, other] = await Promise.all(['7', '7', '8'].map((seed) => runExample('time-travel', [seed])))
    expect(one?.code).toBe(0)
    expect(one?.lines.slice(0, 3).map((line) => line.trim().split(',')[0])).toEqual([
      'at one o’clock',
      'at two',
      'at three',
    ])
    expect(one?.lines[3]).toMatch(/^seed 7: 3\.0 hours, \d+ events, hash \w+/)
    expect(same?.lines).toEqual(one?.lines)
    expect(other?.lines[3]).not.toBe(one?.lines[3])
  })
})
