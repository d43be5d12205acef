// What the hot paths cost, in ns per record. Needs a build; machine noise makes single runs differ by a tenth or two.
//
//   npm run setup && node scripts/perf.mjs [part of a name]
import { BatchWriter, crc32c, RecordBatchReader } from '../dist/records/index.js'

const records = 1000
const fields = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }
const value = Buffer.alloc(100, 0x61)
const text = 'a'.repeat(100)
const keys = Array.from({ length: records }, (_, i) => `key-${String(i).padStart(4, '0')}`)
const accented = `${'a'.repeat(90)}é`
const noHeaders = []

function filled(writer, key, data) {
  for (let i = 0; i < records; i++) writer.append(1_700_000_000_000 + i, key === null ? null : keys[i], data, noHeaders)
}

const writer = new BatchWriter({ initialBytes: 1 << 18 })
filled(writer, keys, value)
const batch = Buffer.from(writer.seal(fields))
let sink = 0

const cases = {
  'append: short key, value of 100 bytes': () => {
    writer.reset()
    filled(writer, keys, value)
  },
  'append: no key, value of 100 bytes': () => {
    writer.reset()
    filled(writer, null, value)
  },
  'append: short key, value a string of 100': () => {
    writer.reset()
    filled(writer, keys, text)
  },
  'append: short key, value a string that is not ASCII': () => {
    writer.reset()
    filled(writer, keys, accented)
  },
  'append and seal, checksum included': () => {
    writer.reset()
    filled(writer, keys, value)
    sink += writer.seal(fields).length
  },
  'checksum alone': () => {
    sink += crc32c(batch, 0, 21)
  },
  'walk over the records': () => {
    const cursor = new RecordBatchReader(batch).next().records()
    while (cursor.next()) sink += cursor.valueStart + cursor.keyLength + cursor.timestampDelta
  },
  'walk, and a view of each value': () => {
    const cursor = new RecordBatchReader(batch).next().records()
    while (cursor.next()) {
      const { bytes } = cursor
      sink += new Uint8Array(bytes.buffer, bytes.byteOffset + cursor.valueStart, cursor.valueLength).length
    }
  },
}

function measure(run) {
  for (let i = 0; i < 300; i++) run()
  const times = Array.from({ length: 15 }, () => {
    const start = process.hrtime.bigint()
    for (let i = 0; i < 100; i++) run()
    return Number(process.hrtime.bigint() - start) / (100 * records)
  })
  return times.sort((a, b) => a - b)[7]
}

for (const [name, run] of Object.entries(cases)) {
  if (!name.includes(process.argv[2] ?? '')) continue
  console.log(`${measure(run).toFixed(1).padStart(7)} ns  ${name}`)
}
if (sink === 0) console.log('nothing was read')
