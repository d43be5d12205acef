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

  test('migration: a group changes its protocol under load, and each record is handled once', async () => {
    const { code, lines, stderr } = await runExample('migration', ['--count', '60'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines.join('\n')).toContain("member-2 restarts with protocol 'consumer'")
    expect(lines.at(-1)).toContain('60 of 60 records handled, 0 of them twice')
  })

  test('transfers: each one is booked exactly once, although the processor is killed', async () => {
    const { code, lines, stderr } = await runExample('transfers', ['--count', '60'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines.join('\n')).toContain('processor-1 is killed in the middle of a transaction')
    expect(lines.at(-1)).toBe('60 transfers: 120 bookings, 0 twice, sum of all accounts 0')
  })

  test('invoices: each order has one, although an instance is killed and handlers fail', async () => {
    const { code, lines, stderr } = await runExample('invoices', ['--count', '150'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines.join('\n')).toContain('its transaction is aborted and repeated')
    expect(lines.at(-1)).toBe('150 orders: 150 invoices, 0 of them twice')
  })

  test('charges: busy ones are made after a second, and the dead letter is moved back', async () => {
    const { code, lines, stderr } = await runExample('charges', ['--count', '12'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines.join('\n')).toMatch(/a charge is a dead letter in charges.dead: SyntaxError/)
    expect(lines.at(-1)).toBe('13 charges: 13 made, 5 retried, 1 moved back from the dead letters')
  })

  test('failover loses, duplicates and reorders nothing', async () => {
    const { code, lines } = await runExample('failover', ['--count', '5000'])
    expect(code).toBe(0)
    expect(lines.at(-1)).toContain('5000 records, 50 keys: lost 0, duplicated 0, reordered 0')
  })

  test('custom-assignor divides partitions by the size of the members, and again when one grows', async () => {
    const { code, lines, stderr } = await runExample('custom-assignor')
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines.join('\n')).toContain('one cook and two: bistro 4, brasserie 8')
    expect(lines.at(-1)).toBe('of 12 partitions: bistro 8, brasserie 4')
  })

  test('by-key serves customers side by side, each in order', async () => {
    const { code, lines, stderr } = await runExample('by-key', ['--count', '40'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines.at(-1)).toBe('40 requests of 8 customers, 4 at a time, out of order: 0')
  })

  test('word-count continues at its checkpoint, and counts each word once', async () => {
    const { code, lines, stderr } = await runExample('word-count', ['--count', '40'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines.join('\n')).toContain('the first process has counted 10 words and ends')
    expect(lines.at(-1)).toBe('40 words: fish 20, one 5, two 5, red 5, blue 5')
  })

  test('jobs shares one partition between workers, and delivers again what fails', async () => {
    const { code, lines, stderr } = await runExample('jobs', ['--count', '60'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines.at(-1)).toMatch(/^60 jobs done by 3 workers, 6 delivered again after a failure$/)
  })

  test('bulk-insert inserts each row, although a statement fails', async () => {
    const { code, lines, stderr } = await runExample('bulk-insert', ['--count', '600'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines).toEqual([
      'not inserted, and delivered again: the database is away for a moment',
      '600 rows in fewer than 30 statements: true, 1 failed',
    ])
  })

  test('graceful-shutdown repeats nothing', async () => {
    const { code, lines, stderr } = await runExample('graceful-shutdown')
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines.slice(0, 2)).toEqual(['billing-1 begins to close', 'billing-1 has closed before the end'])
    expect(lines.at(-1)).toBe('40 of 40 invoices handled, 0 of them twice')
  })

  test('health reports a handler that is stuck', async () => {
    const { code, lines, stderr } = await runExample('health')
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines).toEqual([
      'at the start: livez 200, readyz 503',
      'with its partitions: livez 200, readyz 200',
      'with a handler that is stuck: livez 503, readyz 200',
      'when it has ended: livez 200, readyz 200',
    ])
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

  test('typed-topics reads two topics with their types, and skips the record of another shape', async () => {
    const { code, lines, stderr } = await runExample('typed-topics')
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines[0]).toBe(
      "not sent: Serializing the value for topic 'orders' failed: the value does not match its schema at 'total'",
    )
    expect(lines.slice(1).sort()).toEqual([
      'order o-1: 12 EUR',
      'order o-2: 30 USD',
      'order o-2: deleted',
      'refund o-1: broken',
      "skipped at offset 2: Deserializing the value of topic 'orders', partition 0, offset 2 failed: the data does not match its schema at 'total'",
    ])
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

  test('prometheus exports counters, gauges and histograms with their labels', async () => {
    const { code, lines, stderr } = await runExample('prometheus')
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const line = /^(# (HELP|TYPE) ottla_\w+ .+|ottla_\w+\{(\w+="[^"]*",?)+\} [\d.e+-]+)$/
    expect(lines.filter((text) => !line.test(text))).toEqual([])
    const producer = 'client="billing",producer="billing-1"'
    expect(lines).toContain('# TYPE ottla_producer_records_total counter')
    expect(lines).toContain(`ottla_producer_records_total{${producer},topic="payments"} 100`)
    expect(lines).toContain(`ottla_producer_buffered_bytes{${producer}} 0`)
    const records = `ottla_producer_batch_records`
    expect(lines).toContain(`${records}_sum{${producer},topic="payments"} 100`)
    const buckets = lines
      .filter((text) => text.startsWith(`${records}_bucket`))
      .map((text) => Number(text.split(' ')[1]))
    expect(buckets).toEqual([...buckets].sort((a, b) => a - b))
    expect(buckets.length).toBe(19)
    expect(
      lines.some((text) =>
        /^ottla_request_duration_seconds_count\{client="billing",api="Produce",broker="1"\} \d+$/.test(text),
      ),
    ).toBe(true)
  })

  test('tracing continues each trace in the consumer, and closes every span', async () => {
    const { code, lines, stderr } = await runExample('tracing')
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines.at(-1)).toMatch(/^0 of \d+ spans are open$/)
    const spans = lines.slice(0, -1).map((line) => JSON.parse(line))
    const named = (name: string) => spans.filter((span) => span.name === name)
    const [checkout, refund] = [named('checkout')[0], named('refund')[0]]
    expect(refund).toMatchObject({ child: false, 'error.type': 'POLICY_VIOLATION' })
    expect(named('send orders')).toMatchObject([
      { trace: checkout.trace, child: true, 'messaging.batch.message_count': 2 },
      { trace: refund.trace, child: true, 'error.type': 'POLICY_VIOLATION' },
    ])
    expect(named('create orders').map(({ trace }) => trace)).toEqual([checkout.trace, checkout.trace, refund.trace])
    expect(named('process orders').map(({ trace }) => trace)).toEqual([checkout.trace, checkout.trace])
    expect(named('produce orders')).toMatchObject([
      { child: false, 'messaging.destination.partition.id': '0', 'messaging.batch.message_count': 2 },
      { child: false, 'error.type': 'POLICY_VIOLATION' },
    ])
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
