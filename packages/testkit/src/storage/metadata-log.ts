import { closeSync, constants, fdatasyncSync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32c } from '@ottla/codec/records'
import type { MetadataDelta } from '../state/metadata-view.ts'
import { namesIn, readIfThere, removeLeftOvers, writeAtomically } from './atomic-file.ts'
import { fromTaggedJson, toTaggedJson } from './tagged-json.ts'

/** One line of the log. */
type Entry =
  | { readonly kind: 'delta'; readonly delta: MetadataDelta }
  /** Producer ids below it may be in use. */
  | { readonly kind: 'producerIds'; readonly end: bigint }

/** The content of a log. */
export interface FoundMetadata {
  readonly deltas: readonly MetadataDelta[]
  readonly producerIdsEnd: bigint
}

export interface MetadataLogOptions {
  readonly isSynced: boolean
  /** A decision could not be written; the next one writes the whole state. */
  readonly onProblem: (message: string) => void
}

const nameForm = /^metadata-(\d{10})\.log$/
const leastBytesBeforeSnapshot = 1 << 20
const newline = 0x0a

/**
 * The decisions of the controller, one per line: `<length of the text in bytes> <its CRC32C> <text in JSON>`. After many lines a
 * new file starts with a snapshot. A torn line at the end was never acknowledged.
 */
export class MetadataLog {
  readonly #directory: string
  readonly #isSynced: boolean
  readonly #onProblem: (message: string) => void
  #generation: number
  #fd: number | undefined
  #size = 0
  #snapshotSize = 0
  #producerIdsEnd: bigint
  #mustBegin = false

  private constructor(
    directory: string,
    { isSynced, onProblem }: MetadataLogOptions,
    generation: number,
    producerIdsEnd: bigint,
  ) {
    this.#directory = directory
    this.#isSynced = isSynced
    this.#onProblem = onProblem
    this.#generation = generation
    this.#producerIdsEnd = producerIdsEnd
  }

  static open(
    directory: string,
    options: MetadataLogOptions,
  ): { readonly log: MetadataLog; readonly found: FoundMetadata } {
    mkdirSync(directory, { recursive: true })
    removeLeftOvers(directory)
    const latest = namesIn(directory).findLast((name) => nameForm.test(name))
    const path = join(directory, latest ?? '')
    const entries = latest === undefined ? [] : readEntries(path, readIfThere(path) ?? Buffer.alloc(0))
    const generation = Number(nameForm.exec(latest ?? '')?.[1] ?? 0)
    const deltas = entries.flatMap((entry) => (entry.kind === 'delta' ? [entry.delta] : []))
    const producerIdsEnd = entries.reduce((end, entry) => (entry.kind === 'producerIds' ? entry.end : end), 0n)
    const log = new MetadataLog(directory, options, generation, producerIdsEnd)
    return { log, found: { deltas, producerIdsEnd } }
  }

  append(delta: MetadataDelta, snapshot: () => MetadataDelta): void {
    const isLong = this.#size > Math.max(leastBytesBeforeSnapshot, 4 * this.#snapshotSize)
    try {
      if (this.#mustBegin || isLong) this.begin(snapshot())
      else this.#write({ kind: 'delta', delta })
      this.#mustBegin = false
    } catch (error) {
      this.#mustBegin = true
      this.#onProblem(`cannot write the controller's decision: ${(error as Error).message}`)
    }
  }

  /** Reserves producer ids below `end`. */
  reserveProducerIds(end: bigint): void {
    this.#producerIdsEnd = end
    this.#write({ kind: 'producerIds', end })
  }

  /** Starts a new file with a snapshot, and deletes the previous file. */
  begin(snapshot: MetadataDelta): void {
    this.close()
    const before = namesIn(this.#directory).filter((name) => nameForm.test(name))
    this.#generation++
    const entries: Entry[] = [
      { kind: 'delta', delta: snapshot },
      { kind: 'producerIds', end: this.#producerIdsEnd },
    ]
    const data = Buffer.concat(entries.map(lineOf))
    const path = join(this.#directory, `metadata-${String(this.#generation).padStart(10, '0')}.log`)
    writeAtomically(path, data, this.#isSynced)
    this.#fd = openSync(path, constants.O_RDWR)
    this.#size = data.length
    this.#snapshotSize = data.length
    for (const name of before) rmSync(join(this.#directory, name))
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  #write(entry: Entry): void {
    const fd = this.#fd
    if (fd === undefined) return
    const line = lineOf(entry)
    try {
      for (let at = 0; at < line.length; ) at += writeSync(fd, line, at, line.length - at, this.#size + at)
    } catch (error) {
      ftruncateSync(fd, this.#size)
      throw error
    }
    this.#size += line.length
    // Decisions are rare, so each one is synced before it takes effect.
    if (this.#isSynced) fdatasyncSync(fd)
  }
}

function lineOf(entry: Entry): Buffer {
  const text = Buffer.from(toTaggedJson(entry))
  const head = `${text.length} ${crc32c(text).toString(16).padStart(8, '0')} `
  return Buffer.concat([Buffer.from(head), text, Buffer.from('\n')])
}

/** All lines up to a torn one. Throws when valid lines follow it: then the file is corrupt and decisions are missing. */
function readEntries(path: string, bytes: Buffer): Entry[] {
  const entries: Entry[] = []
  for (let at = 0; at < bytes.length; ) {
    const line = readLine(bytes, at)
    if (line === undefined) {
      const next = bytes.indexOf(newline, at) + 1
      if (next > 0 && readLine(bytes, next) !== undefined) {
        throw new Error(`${path} is corrupt at byte ${at}. Restore it from a copy, or start with an empty directory.`)
      }
      break
    }
    entries.push(fromTaggedJson(line.text.toString('utf8')) as Entry)
    at = line.end
  }
  return entries
}

function readLine(bytes: Buffer, at: number): { readonly text: Buffer; readonly end: number } | undefined {
  const [head, lengthText, checksum] = /^(\d{1,10}) ([0-9a-f]{8}) /.exec(bytes.toString('latin1', at, at + 20)) ?? []
  if (head === undefined) return undefined
  const start = at + head.length
  const end = start + Number(lengthText)
  const text = bytes.subarray(start, end)
  const isWhole = bytes[end] === newline && crc32c(text) === Number.parseInt(checksum ?? '', 16)
  return isWhole ? { text, end: end + 1 } : undefined
}
