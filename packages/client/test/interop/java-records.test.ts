import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { onRealKafka } from '../support/real-target.ts'
import { readTopic } from '../support/records.ts'
import { javaConsume, javaProduce, type PlainRecord } from './java-program.ts'

/** Records of all shapes: null and empty, repeated header names, distant timestamps, other scripts, large ones. */
const records: readonly (PlainRecord & { timestamp: number })[] = [
  { key: 'k', value: 'v', timestamp: 1_700_000_000_000, headers: [['trace', 'abc']] },
  { key: null, value: null, timestamp: 0, headers: [] },
  { key: '', value: '', timestamp: 1, headers: [['', '']] },
  {
    key: 'ключ',
    value: '値 🎈',
    timestamp: 1_700_000_000_001,
    headers: [
      ['ü', 'ö'],
      ['ü', null],
      ['b', 'a'],
    ],
  },
  { key: 'large', value: 'x'.repeat(300_000), timestamp: 1_700_000_000_002, headers: [] },
  ...Array.from({ length: 500 }, (_, i) => ({
    key: `key ${i}`,
    value: `value ${i}`,
    timestamp: 1_700_000_000_003 + i * 1000,
    headers: [['n', String(i)]] as const,
  })),
]

onRealKafka('records between Java and ottla', (real) => {
  test.each([['none'], ['gzip']] as const)('Java reads the records of ottla (%s)', async (compression) => {
    const { target } = real()
    const topic = await target.createTopic('to-java')
    const producer = target.newKafka().producer({ compression })

    const sent = records.map(({ headers = [], ...record }) => ({ topic, ...record, headers }))
    await producer.send(sent)

    const read = await javaConsume(target.bootstrap, topic, records.length)
    expect(read).toEqual(records.map((record, offset) => ({ ...record, partition: 0, offset })))
  })

  test.each([['none'], ['gzip']])('ottla reads the records of Java (%s)', async (compression) => {
    const { target } = real()
    const topic = await target.createTopic('from-java')

    await javaProduce(target.bootstrap, topic, records, [`compression.type=${compression}`, 'linger.ms=50'])

    const read = await readTopic(target.newKafka(), topic)
    expect(read).toEqual(records.map((record, i) => ({ ...record, partition: 0, offset: BigInt(i) })))
  })

  test('10,000 keys get the same partitions as in Java', { timeout: 120_000 }, async () => {
    const { target } = real()
    const partitions = 13
    const byOttla = await target.createTopic('keys-ottla', { partitions })
    const byJava = await target.createTopic('keys-java', { partitions })
    // Keys of every length modulo 4, also beyond ASCII: murmur2 handles the tail of one to three bytes separately.
    const keys = Array.from({ length: 10_000 }, (_, i) => {
      if (i % 3 === 0) return `user-${i}`
      return randomBytes(1 + (i % 23)).toString(i % 3 === 1 ? 'latin1' : 'hex')
    })

    const receipts = await target
      .newKafka()
      .producer()
      .send(keys.map((key) => ({ topic: byOttla, key, value: null })))
    const java = await javaProduce(
      target.bootstrap,
      byJava,
      keys.map((key) => ({ key, value: null })),
    )

    expect(java).toHaveLength(10_000)
    expect(receipts.map(({ partition }) => partition)).toEqual(java.map(({ partition }) => partition))
    expect(new Set(java.map(({ partition }) => partition)).size).toBe(partitions)
  })
})
