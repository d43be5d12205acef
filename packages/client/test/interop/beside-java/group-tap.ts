import {
  ConsumerProtocolAssignment,
  decodeMessage,
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  Fetch,
  FrameSplitter,
  OffsetCommit,
  SyncGroup,
} from '@ottla/codec'
import type { DialTarget, Runtime, TransportReader } from '@ottla/runtime'
import type { Commit } from './reader.ts'

/** A commit as a member wrote it to its socket. */
export interface WrittenCommit extends Commit {
  readonly groupId: string
  readonly memberId: string
  readonly generation: number
}

/**
 * The partitions of a member, as `topic-number`: what SyncGroup responded to it, or what the leader of the group requested for
 * it.
 */
export interface GivenAssignment {
  readonly groupId: string
  readonly memberId: string
  readonly generation: number
  readonly partitions: ReadonlySet<string>
  readonly atMs: number
}

/** Reads what one client exchanges with the brokers: the commits it sends, the assignments it receives, its fetches. */
export class GroupTap {
  readonly runtime: Runtime
  readonly commits: WrittenCommit[] = []
  readonly assignments: GivenAssignment[] = []
  /** Fetch requests by the port of the broker. */
  readonly fetches = new Map<number, number>()
  #stopped = false

  constructor(base: Runtime) {
    const wrapped = {
      wallNow: () => base.wallNow(),
      monoNow: () => base.monoNow(),
      tickNow: () => base.tickNow(),
      setTimer: (callback, delayMs) => base.setTimer(callback, delayMs),
      clearTimer: (timer) => base.clearTimer(timer),
      defer: (callback) => base.defer(callback),
      work: (job) => base.work(job),
      random: () => base.random(),
      secureRandom: (size) => base.secureRandom(size),
      lookup: (host) => base.lookup(host),
    } satisfies Omit<Runtime, 'dial'>
    const dial = async (to: DialTarget, reader: TransportReader, signal: AbortSignal) => {
      const connection = new Connection(this, to.port)
      const transport = await base.dial(to, connection.tapped(reader), signal)
      return {
        ...transport,
        write: (chunks: readonly Uint8Array[], onFlushed?: () => void) => {
          if (!this.#stopped) connection.wrote(chunks)
          transport.write(chunks, onFlushed)
        },
        pause: () => transport.pause(),
        resume: () => transport.resume(),
        destroy: (error?: Error) => transport.destroy(error),
      }
    }
    this.runtime = { ...wrapped, dial }
  }

  /** The process has crashed: what its client still writes reaches no broker. */
  stop(): void {
    this.#stopped = true
  }

  get fetchCount(): number {
    let count = 0
    for (const requests of this.fetches.values()) count += requests
    return count
  }
}

interface PendingSync {
  readonly version: number
  readonly groupId: string
  readonly memberId: string
  readonly generation: number
}

/** One connection: requests in one direction, the responses to SyncGroup in the other. */
class Connection {
  readonly #tap: GroupTap
  readonly #port: number
  readonly #syncs = new Map<number, PendingSync>()
  readonly #requests = splitter((frame) => this.#request(frame))
  readonly #responses = splitter((frame) => this.#response(frame))

  constructor(tap: GroupTap, port: number) {
    this.#tap = tap
    this.#port = port
  }

  wrote(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) feed(this.#requests, chunk)
  }

  tapped(reader: TransportReader): TransportReader {
    let space: Uint8Array = new Uint8Array(0)
    return {
      space: () => {
        space = reader.space()
        return space
      },
      filled: (size) => {
        feed(this.#responses, space.subarray(0, size))
        reader.filled(size)
      },
      closed: (error) => reader.closed(error),
    }
  }

  #request(frame: Buffer): void {
    const { apiKey, apiVersion: version, correlationId, bodyOffset } = decodeRequestHeader(frame)
    const { fetches, commits } = this.#tap
    if (apiKey === Fetch.key) fetches.set(this.#port, (fetches.get(this.#port) ?? 0) + 1)
    if (apiKey === SyncGroup.key) {
      const body = decodeRequest(SyncGroup, version, frame, bodyOffset)
      const { groupId, memberId, generationId: generation } = body
      this.#syncs.set(correlationId, { version, groupId, memberId, generation })
      for (const { memberId: other, assignment } of body.assignments) {
        if (other !== memberId) this.#assigned({ groupId, memberId: other, generation }, assignment)
      }
    }
    if (apiKey !== OffsetCommit.key) return
    const body = decodeRequest(OffsetCommit, version, frame, bodyOffset)
    const { groupId, memberId, generationIdOrMemberEpoch: generation } = body
    const atMs = Date.now()
    for (const { name: topic, topicId, partitions } of body.topics) {
      const named = version >= 10 ? { topic, topicId } : { topic }
      for (const { partitionIndex: partition, committedOffset } of partitions) {
        commits.push({ ...named, partition, offset: Number(committedOffset), groupId, memberId, generation, atMs })
      }
    }
  }

  #response(frame: Buffer): void {
    const sync = this.#syncs.get(frame.readInt32BE(0))
    if (sync === undefined) return
    const { version, ...member } = sync
    const { correlationId, body } = decodeResponse(SyncGroup, version, frame)
    this.#syncs.delete(correlationId)
    if (body.errorCode !== 0) return
    this.#assigned(member, body.assignment)
  }

  #assigned(member: Omit<PendingSync, 'version'>, assignment: Uint8Array): void {
    this.#tap.assignments.push({ ...member, partitions: partitionsOf(assignment), atMs: Date.now() })
  }
}

function partitionsOf(assignment: Uint8Array): Set<string> {
  if (assignment.length === 0) return new Set()
  const bytes = Buffer.from(assignment)
  const version = Math.min(bytes.readInt16BE(0), ConsumerProtocolAssignment.versions.max)
  const { assignedPartitions } = decodeMessage(ConsumerProtocolAssignment, version, bytes.subarray(2))
  return new Set(assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((one) => `${topic}-${one}`)))
}

function splitter(onFrame: (frame: Buffer) => void): FrameSplitter {
  const onError = (error: Error): void => {
    throw error
  }
  return new FrameSplitter({ maxBytes: 0x7fffffff, onFrame, onError })
}

function feed(frames: FrameSplitter, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const space = frames.space()
    const size = Math.min(space.length, bytes.length - at)
    space.set(bytes.subarray(at, at + size))
    frames.filled(size)
    at += size
  }
}
