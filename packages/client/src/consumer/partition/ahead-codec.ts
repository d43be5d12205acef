import { crc32c } from '@ottla/codec/records'

/** Processed offsets above the committed one, from `start` to before `end`. */
export interface DoneRun {
  readonly start: number
  readonly end: number
}

/** With the leader epoch of the last record in the run; -1: unknown. */
export interface DoneRunEpoch extends DoneRun {
  readonly epoch: number
}

/** What a commit stores above its offset: ascending runs, and the leader epoch of the record before the end of the last one. */
export interface DoneAhead {
  readonly runs: readonly DoneRun[]
  readonly epoch: number
}

/** The partition that a commit belongs to. */
export interface AheadPlace {
  readonly topic: string
  readonly partition: number
  readonly topicId: string | undefined
}

/** The whole text; brokers accept 4,096 bytes by default (offset.metadata.max.bytes). */
export const mostMetadataBytes = 4_000

/** Name and version of the format. */
const prefix = 'ottla:1:'
const mostBodyBytes = Math.floor(((mostMetadataBytes - prefix.length) * 3) / 4)
const checkBytes = 4
/** Of a number below 2^53. */
const mostVarintBytes = 8

/**
 * The metadata of a commit at `base`: 'ottla:1:' and, as base64url, the varints `base`, leader epoch + 1, and the lengths of alternating
 * runs that begin at `base` with one that is not processed; then a checksum over these and the partition. What does not fit into
 * `mostMetadataBytes` is left out at the end and is processed again after a crash. Empty without a run.
 */
export function encodeAhead(place: AheadPlace, base: number, runs: Iterable<DoneRunEpoch>): string {
  const lengths: number[] = []
  const limit = mostBodyBytes - checkBytes - mostVarintBytes * 2
  let at = base
  let epoch = -1
  for (const run of runs) {
    const before = lengths.length
    pushVarint(lengths, run.start - at)
    pushVarint(lengths, run.end - run.start)
    if (lengths.length > limit) {
      lengths.length = before
      break
    }
    at = run.end
    epoch = run.epoch
  }
  if (at === base) return ''
  const body: number[] = []
  pushVarint(body, base)
  pushVarint(body, epoch + 1)
  const bytes = Buffer.alloc(body.length + lengths.length + checkBytes)
  bytes.set(body)
  bytes.set(lengths, body.length)
  const end = bytes.length - checkBytes
  bytes.writeUInt32BE(checkOf(place, bytes.subarray(0, end)), end)
  return prefix + bytes.toString('base64url')
}

/**
 * Reads the metadata of a commit at `base`. Undefined for everything that `encodeAhead` has not written for this partition and this offset:
 * tools and mirrors copy metadata to other offsets, topics and clusters.
 */
export function decodeAhead(place: AheadPlace, base: number, text: string | null): DoneAhead | undefined {
  if (text === null || text.length > mostMetadataBytes || !text.startsWith(prefix)) return undefined
  const encoded = text.slice(prefix.length)
  const bytes = Buffer.from(encoded, 'base64url')
  if (bytes.length <= checkBytes || bytes.toString('base64url') !== encoded) return undefined
  const end = bytes.length - checkBytes
  const body = bytes.subarray(0, end)
  if (bytes.readUInt32BE(end) !== checkOf(place, body)) return undefined
  const numbers = readVarints(body)
  if (numbers === undefined) return undefined
  const [storedBase, storedEpoch = -1, ...lengths] = numbers
  const epoch = storedEpoch - 1
  if (storedBase !== base || !(epoch >= -1 && epoch <= 0x7fffffff)) return undefined
  const runs = runsOf(base, lengths)
  return runs === undefined ? undefined : { runs, epoch }
}

function runsOf(base: number, lengths: readonly number[]): DoneRun[] | undefined {
  if (lengths.length === 0 || lengths.length % 2 !== 0) return undefined
  const runs: DoneRun[] = []
  let at = base
  for (const [index, length] of lengths.entries()) {
    const end = at + length
    if (length < 1 || !Number.isSafeInteger(end)) return undefined
    if (index % 2 === 1) runs.push({ start: at, end })
    at = end
  }
  return runs
}

function checkOf({ topic, partition, topicId = '' }: AheadPlace, body: Uint8Array): number {
  return crc32c(Buffer.concat([body, Buffer.from(`${topic}\n${partition}\n${topicId}`)])) >>> 0
}

/** Numbers above 2^31 do not survive bit operations. */
function pushVarint(to: number[], value: number): void {
  let rest = value
  while (rest >= 0x80) {
    to.push((rest % 0x80) + 0x80)
    rest = Math.floor(rest / 0x80)
  }
  to.push(rest)
}

function readVarints(bytes: Uint8Array): number[] | undefined {
  const numbers: number[] = []
  let value = 0
  let scale = 1
  for (const byte of bytes) {
    value += (byte & 0x7f) * scale
    if (!Number.isSafeInteger(value)) return undefined
    if (byte >= 0x80) scale *= 0x80
    else {
      numbers.push(value)
      value = 0
      scale = 1
    }
  }
  // The last number is cut off.
  return scale === 1 ? numbers : undefined
}
