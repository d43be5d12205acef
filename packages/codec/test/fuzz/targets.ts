// The fuzzer's targets: each reader of untrusted bytes, with valid bytes to start from.
import { deflateRawSync, gzipSync } from 'node:zlib'
import { allApis } from '../../src/api/registry.ts'
import { compressionNames } from '../../src/compression/codec.ts'
import { codecOf } from '../../src/compression/compression.ts'
import { decodeRequest, decodeRequestHeader, encodeRequest } from '../../src/frame/request.ts'
import { correlationIdOf, decodeResponse, encodeResponse } from '../../src/frame/response.ts'
import { FrameSplitter } from '../../src/frame/splitter.ts'
import { BatchWriter } from '../../src/records/batch-writer.ts'
import { endTxnMarkerBatch, readControlBatch } from '../../src/records/control-batch.ts'
import { messageSet } from '../../src/records/message-set.ts'
import { type RecordBatch, RecordBatchReader } from '../../src/records/record-batch-reader.ts'
import { readHeaders } from '../../src/records/record-cursor.ts'
import { decodeMessage, encodeMessage } from '../../src/schema/codec.ts'
import { cases } from '../messages.ts'
import { bytesOf, type Random, sample, seeded } from '../samples.ts'
import { mutate } from './mutate.ts'

/** The limit given to decompressors and the splitter. */
export const limitBytes = 1 << 20

/** One input and what reads it. */
export interface Attempt {
  readonly bytes: Buffer
  /** Names the input in reports. */
  readonly label: string
  run(): Promise<void> | void
}

export interface Target {
  readonly name: string
  /** Its share of 10,000 runs. */
  readonly share: number
  attempt(random: Random): Attempt
}

/** A reader and valid bytes for it. The first `head` bytes are kept, so that the code after them is reached. */
interface Reading {
  readonly label: string
  readonly bytes: Buffer
  readonly head?: number
  read(bytes: Buffer): Promise<void> | void
}

function target(name: string, share: number, readings: readonly Reading[]): Target {
  return {
    name,
    share,
    attempt(random) {
      const { label, bytes, head = 0, read } = readings[random(readings.length)]!
      const isNoise = random(10) === 0
      const corrupted = isNoise
        ? noise(random)
        : mutate(bytes, random, random(2) === 0 ? 0 : Math.min(head, bytes.length))
      return { bytes: corrupted, label, run: () => read(corrupted) }
    },
  }
}

function noise(random: Random): Buffer {
  const bytes = bytesOf(random(200), random)
  // Small numbers, so that counts and lengths are often plausible.
  return random(2) === 0 ? bytes : Buffer.from(bytes.map((byte) => (random(5) === 0 ? byte : byte % 6)))
}

// --- Messages and frames ---------------------------------------------------------------------------------------------

function messageReadings(random: Random): Reading[] {
  return cases.flatMap(({ message, version }) =>
    (['small', 'mixed'] as const).map((size) => ({
      label: `${message.name} v${version}`,
      bytes: encodeMessage(message, version, sample(message, version, random, size) as never),
      read: (bytes) => void decodeMessage(message, version, bytes),
    })),
  )
}

/** Frames without their length. */
function frameReadings(random: Random): Reading[] {
  return allApis.flatMap((api) => {
    const version = api.versions.min + random(api.versions.max - api.versions.min + 1)
    const request = sample(api.request, version, random, 'small') as never
    const response = sample(api.response, version, random, 'small') as never
    const readRequest = (bytes: Buffer) => {
      const { bodyOffset } = decodeRequestHeader(bytes)
      decodeRequest(api, version, bytes, bodyOffset)
    }
    const readResponse = (bytes: Buffer) => {
      correlationIdOf(bytes)
      decodeResponse(api, version, bytes)
    }
    const requestBytes = Buffer.concat(encodeRequest(api, version, { correlationId: 7, clientId: 'fuzz' }, request))
    const responseBytes = Buffer.concat(encodeResponse(api, version, 7, response))
    const label = `${api.name} v${version}`
    return [
      { label: `request ${label}`, bytes: requestBytes.subarray(4), head: 10, read: readRequest },
      { label: `response ${label}`, bytes: responseBytes.subarray(4), head: 4, read: readResponse },
    ]
  })
}

function splitterReading(random: Random): Reading {
  const frames = [5, 0, 300, 1, 20_000, 40].map((length) => {
    const head = Buffer.alloc(4)
    head.writeInt32BE(length)
    return Buffer.concat([head, bytesOf(length, random)])
  })
  return { label: 'a stream of frames', bytes: Buffer.concat(frames), read: split }
}

/** Fed in pieces whose size follows from the bytes, so that a run can be repeated. */
function split(bytes: Buffer): void {
  let given = 0
  let failed = 0
  const splitter = new FrameSplitter({
    maxBytes: limitBytes,
    onFrame: (frame) => {
      given += frame.length + 4
    },
    onError: (error) => {
      failed++
      throw error
    },
  })
  for (let at = 0; at < bytes.length; ) {
    const space = splitter.space()
    if (space.length === 0) throw new Error('no space')
    const size = Math.min(space.length, 1 + (bytes[at]! << 4), bytes.length - at)
    space.set(bytes.subarray(at, at + size))
    splitter.filled(size)
    at += size
    if (failed === 0 && given + splitter.pendingBytes !== at) throw new Error(`${at} bytes fed, ${given} came out`)
  }
}

// --- Records ---------------------------------------------------------------------------------------------------------

async function batchReadings(random: Random): Promise<Reading[]> {
  const batches: [string, Uint8Array, number][] = []
  const producer = { producerId: 5n, producerEpoch: 1, baseSequence: 3 }
  const header = [{ key: 'header', value: bytesOf(5, random) }]
  for (const name of compressionNames) {
    const writer = new BatchWriter()
    for (let i = 0; i < 12; i++)
      writer.append(1.7e12 + i, `key ${i}`, bytesOf(random(60), random), i % 3 === 0 ? header : [])
    batches.push([name, Buffer.from(await writer.sealCompressed(producer, codecOf(name))), 61])
  }
  const marker = { committed: true, producerId: 5n, producerEpoch: 1, coordinatorEpoch: 2, timestampMs: 1.7e12 }
  batches.push(['marker', endTxnMarkerBatch({ ...marker, baseOffset: 0n, partitionLeaderEpoch: 0 }), 61])
  const messages = Array.from({ length: 5 }, (_, i) => ({ key: 'key', value: `value ${i}`, timestampMs: 1.7e12 + i }))
  for (const magic of [0, 1] as const) {
    for (const name of compressionNames.slice(0, 4)) {
      batches.push([`magic ${magic} ${name}`, await messageSet(messages, { magic, codec: codecOf(name) }), 34])
    }
  }
  const all = Buffer.concat(batches.map(([, bytes]) => bytes))
  const readings = batches.map(([label, bytes, head]) => ({
    label,
    bytes: Buffer.from(bytes),
    head,
    read: readBatches,
  }))
  return [...readings, { label: 'all batches', bytes: all, read: readBatches }]
}

async function readBatches(bytes: Buffer): Promise<void> {
  const reader = new RecordBatchReader(bytes)
  for (let batch = reader.next(); batch !== undefined; batch = reader.next()) await readBatch(batch)
}

async function readBatch(batch: RecordBatch): Promise<void> {
  batch.verifyCrc()
  void [batch.lastOffset, batch.maxTimestamp, batch.producerId, batch.baseSequence, batch.deleteHorizonMs]
  const isPlain = batch.compressionId === 0
  if (isPlain && batch.isControl) readControlBatch(batch)
  const payload = isPlain ? undefined : await codecOf(batch.compression).decompress(batch.payload, limitBytes)
  const cursor = batch.records(payload)
  while (cursor.next()) {
    const { bytes, keyStart, keyLength, valueStart, valueLength, headersStart, headerCount } = cursor
    if (keyStart + keyLength > bytes.length || valueStart + valueLength > bytes.length)
      throw new Error('beyond the end')
    if (headerCount > 0) readHeaders(bytes, headersStart, headerCount)
    void [batch.offsetOf(cursor), batch.timestampOf(cursor)]
  }
}

// --- Compression -----------------------------------------------------------------------------------------------------

const packed = compressionNames.filter((name) => name !== 'none')

async function decompressorReadings(random: Random): Promise<Reading[]> {
  const readings: Reading[] = []
  for (const text of ['', 'short', 'again and again '.repeat(400), bytesOf(300, random).toString('base64').repeat(3)]) {
    for (const name of packed) {
      const bytes = Buffer.from(await codecOf(name).compress(Buffer.from(text)))
      readings.push({ label: `${name} of ${text.length}`, bytes, head: 20, read: decompressWith(name) })
    }
  }
  return readings
}

function decompressWith(name: (typeof packed)[number]) {
  return async (bytes: Buffer) => {
    const result = await codecOf(name).decompress(bytes, limitBytes)
    if (result.length > limitBytes) throw new Error(`${result.length} bytes came out, ${limitBytes} were allowed`)
  }
}

/** Small inputs with large outputs. Most are slightly corrupted, so that the limit is hit at different places. */
async function bombReadings(): Promise<Reading[]> {
  const zeros = Buffer.alloc(32 << 20)
  const readings: Reading[] = []
  for (const name of packed) {
    const bytes = Buffer.from(await codecOf(name).compress(name === 'snappy' ? zeros.subarray(0, 4 << 20) : zeros))
    readings.push({ label: `${name} of ${zeros.length} zeros`, bytes, head: 20, read: decompressWith(name) })
  }
  const nested = gzipSync(deflateRawSync(zeros))
  const members = Buffer.concat(Array.from({ length: 50 }, () => gzipSync(zeros.subarray(0, 1 << 16))))
  // A raw snappy block that claims 4 GB, and one that claims more than it has.
  const claims = Buffer.from('ffffffff0f00', 'hex')
  readings.push(
    { label: 'gzip in deflate', bytes: nested, read: decompressWith('gzip') },
    { label: 'gzip of many members', bytes: members, read: decompressWith('gzip') },
    { label: 'snappy that claims 4 GB', bytes: claims, read: decompressWith('snappy') },
    { label: 'snappy that claims 1 MiB', bytes: Buffer.from('80804000', 'hex'), read: decompressWith('snappy') },
  )
  return readings
}

/** All targets. The same seed yields the same valid bytes. */
export async function allTargets(seed: number): Promise<Target[]> {
  const random = seeded(seed)
  const readings = messageReadings(random)
  return [
    target('messages', 5990, readings),
    target('frames', 1200, frameReadings(random)),
    target('splitter', 300, [splitterReading(random)]),
    target('batches', 1500, await batchReadings(random)),
    target('decompressors', 1000, await decompressorReadings(random)),
    target('bombs', 10, await bombReadings()),
  ]
}
