import { expect, test } from 'vitest'
import { keyPartition, murmur2 } from './murmur2.ts'

/** Bytes of keys in hex with their hashes, printed by Kafka 4.3.1's own `Utils.murmur2`. */
const golden: readonly (readonly [hex: string, hash: number])[] = [
  ['', 275646681],
  ['61', -1563381124],
  ['6162', 316155434],
  ['616263', 479470107],
  ['61626364', -1323649548],
  ['6162636465', 461995741],
  ['616263646566', 1870650108],
  ['61626364656667', -346467175],
  ['6162636465666768', -955427363],
  ['757365722d3130', -1766607138],
  ['757365722d3131', -1064211118],
  ['6b61666b61', -798503068],
  ['3231', -973932308],
  ['666f6f626172', -790332482],
  ['612d6c6974746c652d6269742d6c6f6e672d737472696e67', -985981536],
  ['612d6c6974746c652d6269742d6c6f6e6765722d737472696e67', -1486304829],
  ['6c6b6a683233346c68396669756839307932336f697568736166756a6861646f66323239706872396831396838396838', -58897971],
  ['54686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a7920646f67', 495243318],
  ['c3a9', 186971271],
  ['c3bc', 1419834458],
  ['6e61c3af7665', 452640081],
  ['e697a5e69cace8aa9e', 1431860170],
  ['e697a5e69cace8aa9ee381aee382ade383bc', -734675706],
  ['d0bfd180d0b8d0b2d0b5d182', -489591657],
  ['f09f9880', 131881617],
  ['61f09f9880', -1896407616],
  ['6b65792df09f98802d6b6579', 1569729869],
  ['00', 375494588],
  ['7f', 21296028],
  ['c280', -1485454502],
  ['dfbf', 981793575],
  ['e0a080', -392869824],
  ['efbfbf', 2143854725],
  [
    '30313233343536373839303132333435363738393031323334353637383930313233343536373839303132333435363738393031323334353637383930313233343536373839',
    844030277,
  ],
  ['ff', -311467685],
  ['fffe', 1717632651],
  ['fffefd', 998637092],
  ['fffefdfc', 2136149935],
  ['0102030405060780', 348582230],
  ['c32805', -1415780580],
]

test.each(golden)('hashes the bytes %s as Java does', (hex, hash) => {
  expect(murmur2(new Uint8Array(Buffer.from(hex, 'hex')))).toBe(hash)
})

test('hashes a string as its UTF-8 bytes: ASCII, accents, CJK, emoji, all tail lengths', () => {
  let strings = 0
  for (const [hex, hash] of golden) {
    const bytes = Buffer.from(hex, 'hex')
    const text = bytes.toString('utf8')
    if (!Buffer.from(text).equals(bytes)) continue
    strings++
    expect(murmur2(text), text).toBe(hash)
  }
  expect(strings).toBeGreaterThan(30)
})

test('assigns 10,000 keys to the partitions that Java assigns', () => {
  // Sum of the positive hashes and records per partition of 12, by Java, for key-0 to key-9999.
  const counts = new Array<number>(12).fill(0)
  let sum = 0
  for (let i = 0; i < 10_000; i++) {
    sum += murmur2(`key-${i}`) & 0x7fffffff
    counts[keyPartition(`key-${i}`, 12)]!++
  }
  expect(sum).toBe(10_767_347_041_466)
  expect(counts).toEqual([826, 855, 852, 812, 823, 815, 884, 842, 822, 774, 905, 790])
})
