import { renameSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { batchHeaderBytes, crc32c } from '@ottla/codec/records'
import type { EpochEntry } from '../state/replicas/leader-epochs.ts'
import { LogSegment } from '../state/replicas/log-segment.ts'
import { storedBatchOf } from '../state/replicas/stored-batch.ts'
import { namesIn, readIfThere, removeLeftOvers } from './atomic-file.ts'
import { readCheckpoint } from './checkpoint.ts'
import { segmentName } from './segment-file.ts'

/** The name of a segment that compaction wrote, until those that it replaces are gone: `<first>-<end>.swap`. */
export const swapSuffix = '.swap'
export const epochCheckpoint = 'leader-epoch-checkpoint'

const logOverheadBytes = 12
const batchLengthAt = 8
const magicAt = 16
const crcAt = 17
const attributesAt = 21
const magic = 2

/** What was found of a log. */
export interface FoundLog {
  /** At least one. */
  readonly segments: readonly LogSegment[]
  readonly epochs: readonly EpochEntry[]
  readonly logEndOffset: number
  /** What had to go, because it was not whole or not as it was written. */
  readonly cut: string | undefined
}

/** Reads a replica's directory. A torn or harmed batch goes, and all that comes after it: files are cut to what is read. */
export function recoverLog(directory: string, maxLeaderEpoch: number): FoundLog {
  finishCompaction(directory)
  removeLeftOvers(directory)
  const names = namesIn(directory).filter((name) => /^\d{20}\.log$/.test(name))
  const segments: LogSegment[] = []
  const reading: Reading = { logEndOffset: 0, leaderEpoch: -1, maxLeaderEpoch }
  let cut: string | undefined
  for (const name of names) {
    const path = join(directory, name)
    if (cut !== undefined) {
      rmSync(path)
      continue
    }
    const segment = new LogSegment(Number(name.slice(0, 20)))
    if (segments.length === 0 || segment.baseOffset > reading.logEndOffset) reading.logEndOffset = segment.baseOffset
    const bytes = readIfThere(path) ?? Buffer.alloc(0)
    const problem = readSegment(bytes, segment, reading)
    segments.push(segment)
    if (problem === undefined) continue
    cut = `${path} from byte ${segment.sizeInBytes} on: ${problem}`
    truncateSync(path, segment.sizeInBytes)
  }
  cut ??= cutStranger(directory, segments, reading)
  if (segments.length === 0) segments.push(new LogSegment(0))
  return { segments, epochs: epochsOf(directory, segments), logEndOffset: reading.logEndOffset, cut }
}

interface Reading {
  logEndOffset: number
  leaderEpoch: number
  readonly maxLeaderEpoch: number
}

/** Adds the batches of a file to its segment; gives what is wrong with the first that cannot be. */
function readSegment(bytes: Buffer, segment: LogSegment, reading: Reading): string | undefined {
  let at = 0
  while (at < bytes.length) {
    const problem = batchProblem(bytes, at)
    if (problem !== undefined) return problem
    const end = at + logOverheadBytes + bytes.readInt32BE(at + batchLengthAt)
    const batch = storedBatchOf(bytes.subarray(at, end))
    if (batch.baseOffset < reading.logEndOffset || batch.lastOffset < batch.baseOffset) {
      return `offset ${batch.baseOffset} after ${reading.logEndOffset - 1}`
    }
    if (batch.leaderEpoch < reading.leaderEpoch || batch.leaderEpoch > reading.maxLeaderEpoch) {
      return `leader epoch ${batch.leaderEpoch} after ${reading.leaderEpoch}`
    }
    segment.append(batch)
    reading.logEndOffset = batch.lastOffset + 1
    reading.leaderEpoch = batch.leaderEpoch
    at = end
  }
  return undefined
}

function batchProblem(bytes: Buffer, at: number): string | undefined {
  const left = bytes.length - at
  if (left < batchHeaderBytes) return 'a batch that is cut off'
  const length = bytes.readInt32BE(at + batchLengthAt)
  if (length < batchHeaderBytes - logOverheadBytes) return `a batch of ${length} bytes`
  if (logOverheadBytes + length > left) return 'a batch that is cut off'
  if (bytes[at + magicAt] !== magic) return `magic ${bytes[at + magicAt]}`
  const checksum = crc32c(bytes, 0, at + attributesAt, at + logOverheadBytes + length)
  return checksum === bytes.readUInt32BE(at + crcAt) ? undefined : 'a checksum that does not fit'
}

/**
 * The checksum does not cover a batch's offset. Compaction leaves gaps, but the active segment is not compacted: a gap before
 * the very last batch means that it was harmed. (A follower that copies a compacted log just fetches it again.)
 */
function cutStranger(directory: string, segments: readonly LogSegment[], reading: Reading): string | undefined {
  const active = segments.at(-1)
  const last = active?.batches.at(-1)
  if (active === undefined || last === undefined) return undefined
  // A segment is named after its first batch.
  const before = active.batches.at(-2)
  const expected = before === undefined ? active.baseOffset : before.lastOffset + 1
  if (last.baseOffset === expected) return undefined
  active.truncateTo(last.baseOffset)
  reading.logEndOffset = expected
  const path = join(directory, segmentName(active.baseOffset))
  truncateSync(path, active.sizeInBytes)
  return `${path} from byte ${active.sizeInBytes} on: offset ${last.baseOffset} after ${expected - 1}`
}

/** Compacted segments take the place of the others, or, if they were not all written, go. */
function finishCompaction(directory: string): void {
  for (const name of namesIn(directory)) {
    const [, first, end] = /^(\d{20})-(\d{20})\.swap$/.exec(name) ?? []
    if (first === undefined || end === undefined) continue
    for (const replaced of namesIn(directory)) {
      if (/^\d{20}\.log$/.test(replaced) && replaced.slice(0, 20) >= first && replaced.slice(0, 20) < end) {
        rmSync(join(directory, replaced))
      }
    }
    renameSync(join(directory, name), join(directory, `${first}.log`))
  }
}

/** What the checkpoint tells beside the batches: epochs whose records are gone, and where one began before them. */
function epochsOf(directory: string, segments: readonly LogSegment[]): EpochEntry[] {
  const starts = new Map<number, number>()
  for (const { batches } of segments) {
    for (const { leaderEpoch, baseOffset } of batches) {
      if (!starts.has(leaderEpoch)) starts.set(leaderEpoch, baseOffset)
    }
  }
  for (const [epochText, startText] of readCheckpoint(join(directory, epochCheckpoint))) {
    const epoch = Number(epochText)
    const start = Number(startText)
    const found = starts.get(epoch)
    if (found === undefined || start < found) starts.set(epoch, start)
  }
  const entries = Array.from(starts, ([epoch, startOffset]) => ({ epoch, startOffset })).sort(
    (a, b) => a.epoch - b.epoch,
  )
  // A checkpoint that is older than a truncation may not fit: what batches tell is right.
  const kept: EpochEntry[] = []
  for (const entry of entries.reverse()) {
    const later = kept[0]
    if (later === undefined || entry.startOffset < later.startOffset) kept.unshift(entry)
  }
  return kept
}
