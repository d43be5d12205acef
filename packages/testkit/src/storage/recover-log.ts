import { renameSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { batchHeaderBytes, crc32c } from '@ottla/codec/records'
import type { EpochEntry } from '../state/replicas/leader-epochs.ts'
import { LogSegment } from '../state/replicas/log-segment.ts'
import { storedBatchOf } from '../state/replicas/stored-batch.ts'
import { namesIn, readIfThere, removeLeftOvers } from './atomic-file.ts'
import { readCheckpoint } from './checkpoint.ts'
import { segmentName } from './segment-file.ts'

/** The suffix of a compacted segment until the segments it replaces are removed: `<first>-<end>.swap`. */
export const swapSuffix = '.swap'
export const epochCheckpoint = 'leader-epoch-checkpoint'

const logOverheadBytes = 12
const batchLengthAt = 8
const magicAt = 16
const crcAt = 17
const attributesAt = 21
const magic = 2

/** A log read from its directory. */
export interface FoundLog {
  /** At least one. */
  readonly segments: readonly LogSegment[]
  readonly epochs: readonly EpochEntry[]
  readonly logEndOffset: number
  /** The file position and the reason of a truncation; undefined when the log was intact. */
  readonly cut: string | undefined
}

/** Reads a replica's directory. The log is truncated, also on disk, at the first torn or corrupt batch. */
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
    cut = `${path} truncated at byte ${segment.sizeInBytes}: ${problem}`
    truncateSync(path, segment.sizeInBytes)
  }
  cut ??= removeMisplacedBatch(directory, segments, reading)
  if (segments.length === 0) segments.push(new LogSegment(0))
  return { segments, epochs: epochsOf(directory, segments), logEndOffset: reading.logEndOffset, cut }
}

interface Reading {
  logEndOffset: number
  leaderEpoch: number
  readonly maxLeaderEpoch: number
}

/** Adds the batches of a file to its segment; returns the problem of the first invalid one. */
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
  if (left < batchHeaderBytes) return 'incomplete batch'
  const length = bytes.readInt32BE(at + batchLengthAt)
  if (length < batchHeaderBytes - logOverheadBytes) return `batch length ${length}`
  if (logOverheadBytes + length > left) return 'incomplete batch'
  if (bytes[at + magicAt] !== magic) return `magic ${bytes[at + magicAt]}`
  const checksum = crc32c(bytes, 0, at + attributesAt, at + logOverheadBytes + length)
  return checksum === bytes.readUInt32BE(at + crcAt) ? undefined : 'checksum mismatch'
}

/**
 * Removes a last batch with a wrong offset, which the checksum does not cover. Compaction leaves gaps, but never in the active
 * segment: a gap before its last batch means that it is corrupt. (A follower that copies a compacted log fetches it again.)
 */
function removeMisplacedBatch(
  directory: string,
  segments: readonly LogSegment[],
  reading: Reading,
): string | undefined {
  const active = segments.at(-1)
  const last = active?.batches.at(-1)
  if (active === undefined || last === undefined) return undefined
  // A segment's name is the offset of its first batch.
  const before = active.batches.at(-2)
  const expected = before === undefined ? active.baseOffset : before.lastOffset + 1
  if (last.baseOffset === expected) return undefined
  active.truncateTo(last.baseOffset)
  reading.logEndOffset = expected
  const path = join(directory, segmentName(active.baseOffset))
  truncateSync(path, active.sizeInBytes)
  return `${path} truncated at byte ${active.sizeInBytes}: offset ${last.baseOffset} after ${expected - 1}`
}

/** Completes interrupted replacements by compacted segments. (Incomplete segments are temporary files.) */
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

/** The epochs of the batches, plus those of the checkpoint: epochs without remaining records, and earlier start offsets. */
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
  // A checkpoint from before a truncation may conflict with the batches: the batches win.
  const kept: EpochEntry[] = []
  for (const entry of entries.reverse()) {
    const later = kept[0]
    if (later === undefined || entry.startOffset < later.startOffset) kept.unshift(entry)
  }
  return kept
}
