import { expect, test } from 'vitest'
import { crc32 } from './crc32.ts'
import { kafkajsHash } from './kafkajs-hash.ts'
import { keyPartition } from './murmur2.ts'
import { type PartitionerName, partitionRules } from './partition-rules.ts'

/** Bytes of keys in hex, with the hash by the LegacyPartitioner of KafkaJS 2.2.4, and the CRC-32 that librdkafka 2.11.1 uses. */
const golden: readonly (readonly [hex: string, kafkajs: number, crc: number])[] = [
  ['', 275646684, 0],
  ['61', -809885833, 3904355907],
  ['6162', -1686076413, 2659403885],
  ['616263', 1545667907, 891568578],
  ['61626364', -2139815384, 3984772369],
  ['6162636465', 1468550417, 2240272485],
  ['616263646566', 1879373000, 1267612143],
  ['61626364656667', -1887166326, 824863398],
  ['6162636465666768', -48210365, 2934909520],
  ['757365722d3130', -1371650690, 4001312026],
  ['757365722d3131', 349843124, 2574785932],
  ['6b61666b61', 840273835, 1539077399],
  ['3231', -595812486, 4252452532],
  ['666f6f626172', -309133275, 2666930069],
  ['612d6c6974746c652d6269742d6c6f6e672d737472696e67', 2065008938, 4000435554],
  ['612d6c6974746c652d6269742d6c6f6e6765722d737472696e67', -1016907723, 2277486890],
  [
    '6c6b6a683233346c68396669756839307932336f697568736166756a6861646f66323239706872396831396838396838',
    1360862267,
    3769350433,
  ],
  ['54686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a7920646f67', -634507681, 1095738169],
  ['c3a9', -702713287, 235179326],
  ['c3bc', -203195451, 1675192789],
  ['6e61c3af7665', -447708766, 3574563174],
  ['e697a5e69cace8aa9e', 511316724, 2819314405],
  ['e697a5e69cace8aa9ee381aee382ade383bc', 674095707, 1618436673],
  ['d0bfd180d0b8d0b2d0b5d182', 248973742, 779501134],
  ['f09f9880', -395534246, 88978756],
  ['61f09f9880', 859498101, 1182385080],
  ['6b65792df09f98802d6b6579', -1211038304, 4224044238],
  ['00', 1963611669, 3523407757],
  ['7f', -398242683, 314082080],
  ['c280', -695586793, 1437410323],
  ['dfbf', -1422714268, 480732466],
  ['e0a080', 908351560, 354170491],
  ['efbfbf', 1437287767, 1702646501],
  [
    '30313233343536373839303132333435363738393031323334353637383930313233343536373839303132333435363738393031323334353637383930313233343536373839',
    339172718,
    1851009249,
  ],
  ['ff', 983671651, 4278190080],
  ['fffe', -1239291199, 2297966742],
  ['fffefd', -195267973, 149598061],
  ['fffefdfc', -1643592173, 1426237168],
  ['0102030405060780', -1048748167, 3702096855],
  ['c32805', -1347703083, 1100983086],
]

test.each(golden)('hashes the bytes %s as KafkaJS and librdkafka do', (hex, kafkajs, crc) => {
  const bytes = new Uint8Array(Buffer.from(hex, 'hex'))
  expect(kafkajsHash(bytes)).toBe(kafkajs)
  expect(crc32(bytes)).toBe(crc)
})

test('hashes a string as its UTF-8 bytes, short or long', () => {
  for (const [hex, kafkajs, crc] of golden) {
    const bytes = Buffer.from(hex, 'hex')
    const text = bytes.toString('utf8')
    if (!Buffer.from(text).equals(bytes)) continue
    expect(kafkajsHash(text), text).toBe(kafkajs)
    expect(crc32(text), text).toBe(crc)
  }
  for (const text of ['語'.repeat(400), 'x'.repeat(5000), '\ud800', 'é'.repeat(341), 'é'.repeat(342)]) {
    const bytes = Buffer.from(text)
    expect([kafkajsHash(text), crc32(text)]).toEqual([kafkajsHash(bytes), crc32(bytes)])
    expect(keyPartition(text, 1000)).toBe(keyPartition(bytes, 1000))
  }
})

/** The partitions of the keys user-0 to user-15 by each client's own partitioner. */
const users: readonly {
  readonly rule: PartitionerName
  readonly of: number
  readonly partitions: readonly number[]
}[] = [
  { rule: 'kafkajs-legacy', of: 3, partitions: [1, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 2, 1, 0, 0, 2] },
  { rule: 'kafkajs-legacy', of: 12, partitions: [10, 7, 3, 3, 0, 3, 1, 0, 6, 4, 6, 8, 7, 0, 6, 11] },
  { rule: 'kafkajs-legacy', of: 100, partitions: [34, 83, 27, 35, 4, 27, 49, 68, 30, 92, 58, 24, 35, 36, 2, 23] },
  { rule: 'consistent-random', of: 3, partitions: [2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 2, 1, 2] },
  { rule: 'consistent-random', of: 12, partitions: [2, 8, 10, 0, 3, 9, 3, 9, 0, 6, 10, 4, 6, 8, 7, 5] },
  { rule: 'consistent-random', of: 100, partitions: [70, 24, 50, 84, 83, 29, 59, 45, 12, 74, 26, 32, 78, 56, 27, 85] },
  { rule: 'murmur2-random', of: 3, partitions: [1, 2, 2, 2, 1, 1, 2, 2, 0, 2, 2, 1, 0, 1, 2, 2] },
  { rule: 'murmur2-random', of: 12, partitions: [7, 8, 8, 11, 7, 10, 5, 8, 9, 11, 2, 10, 6, 7, 5, 8] },
  { rule: 'murmur2-random', of: 100, partitions: [63, 28, 56, 67, 67, 26, 73, 64, 21, 79, 10, 30, 30, 87, 81, 20] },
  { rule: 'murmur2', of: 100, partitions: [63, 28, 56, 67, 67, 26, 73, 64, 21, 79, 10, 30, 30, 87, 81, 20] },
]

test.each(users)(
  '$rule assigns keys to the partitions of $of that its original assigns',
  ({ rule, of, partitions }) => {
    const { hashOf } = partitionRules[rule]
    expect(partitions.map((_, i) => hashOf(`user-${i}`) % of)).toEqual(partitions)
  },
)

test.each([
  {
    rule: 'kafkajs-legacy' as const,
    sum: 10_766_136_206_587,
    counts: [802, 843, 819, 815, 887, 756, 848, 827, 851, 824, 856, 872],
  },
  {
    rule: 'consistent-random' as const,
    sum: 21_474_574_393_974,
    counts: [826, 822, 819, 837, 842, 808, 841, 828, 833, 869, 841, 834],
  },
])('$rule assigns 10,000 keys as its original', ({ rule, sum, counts }) => {
  const { hashOf } = partitionRules[rule]
  const found = new Array<number>(12).fill(0)
  let sumOfHashes = 0
  for (let i = 0; i < 10_000; i++) {
    const hash = hashOf(`key-${i}`)
    sumOfHashes += hash
    found[hash % 12]!++
  }
  expect(sumOfHashes).toBe(sum)
  expect(found).toEqual(counts)
})

test('an empty key decides, except with consistent-random, as in librdkafka', () => {
  const empty = new Uint8Array(0)
  expect(partitionRules['consistent-random'].hashOf('')).toBeLessThan(0)
  expect(partitionRules['consistent-random'].hashOf(empty)).toBeLessThan(0)
  for (const rule of ['murmur2', 'murmur2-random', 'kafkajs-legacy'] as const) {
    expect(partitionRules[rule].hashOf('')).toBe(partitionRules[rule].hashOf(empty))
    expect(partitionRules[rule].hashOf('')).toBeGreaterThanOrEqual(0)
  }
})
