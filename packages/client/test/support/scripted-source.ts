import { Cluster } from '../../src/cluster/cluster.ts'
import { Source } from '../../src/consumer/fetching/source.ts'
import type { SourceHost, SourceOptions } from '../../src/consumer/fetching/source-host.ts'
import { AssignedPartition } from '../../src/consumer/partition/assigned-partition.ts'
import type { BufferHost } from '../../src/consumer/partition/buffer-host.ts'
import { PartitionMap } from '../../src/consumer/partition/partition-map.ts'
import { Turns } from '../../src/consumer/turns.ts'
import type { KafkaError } from '../../src/errors.ts'
import { silentLogger } from '../../src/logger.ts'
import { Metrics } from '../../src/metrics.ts'
import { type KafkaOptions, resolveKafkaOptions } from '../../src/options.ts'
import { ManualRuntime } from './manual-runtime.ts'
import { ScriptedBroker } from './scripted-broker.ts'

export interface ScriptedSourceOptions {
  readonly nodes?: number
  /** Partitions that are handled in one turn of the event loop. */
  readonly mostPerTurn?: number
  readonly source?: Partial<SourceOptions>
  readonly kafka?: Partial<KafkaOptions>
}

/** The fetching part of a consumer on scripted brokers. Everything that is fetched is delivered immediately, unless `holds`. */
export class ScriptedSource implements SourceHost {
  readonly runtime = new ManualRuntime()
  readonly turns: Turns
  readonly peer: ScriptedBroker
  readonly cluster: Cluster
  readonly partitions = new PartitionMap<AssignedPartition>()
  readonly budget = {
    roomBytes: 1 << 20,
    isFull: false,
    limitBytes: 64 << 20,
    guaranteedBytes: 32 << 20,
    awaitRoom() {},
  }
  readonly source: Source
  /** Values of the delivered records. */
  readonly values: string[] = []
  /** Callbacks of the source. */
  readonly calls: string[] = []
  /** What cannot be read. */
  readonly unreadable: unknown[] = []
  /** Fetched bytes stay in the buffer. */
  holds = false
  /** Called by the callbacks of the source, before these return. */
  react: (call: string, partition: AssignedPartition) => void = () => {}
  readonly #waiting = new Set<AssignedPartition>()
  readonly #buffers: BufferHost<AssignedPartition>

  constructor({ nodes = 1, mostPerTurn, source = {}, kafka = {} }: ScriptedSourceOptions = {}) {
    this.turns = new Turns(this.runtime, mostPerTurn)
    this.peer = new ScriptedBroker(this.runtime.network, nodes)
    const given = { brokers: this.peer.bootstrap, runtime: this.runtime, logger: silentLogger, ...kafka }
    this.cluster = new Cluster(resolveKafkaOptions(given), new Metrics())
    this.#buffers = this.#createBuffers()
    const options: SourceOptions = {
      purpose: 'fetch:c',
      latePurpose: 'fetch:c/late',
      minBytes: 1,
      maxWaitMs: 500,
      maxBytes: 50 << 20,
      partitionMaxBytes: 1 << 20,
      isolation: 'read_uncommitted',
      rack: undefined,
      ...source,
    }
    this.source = new Source({
      cluster: this.cluster,
      turns: this.turns,
      options,
      budget: this.budget,
      partitions: this.partitions,
      host: this,
    })
    this.cluster.onMetadata(() => this.source.update())
  }

  /** Assigns partitions of a topic, to read from `offset`. */
  assign(topic: string, partitions: readonly number[], offset = 0): AssignedPartition[] {
    const assigned = partitions.map((partition) => new AssignedPartition(topic, partition, this.#buffers))
    for (const partition of assigned) {
      this.partitions.set(partition)
      partition.place({ offset, epoch: -1 }, 'start')
    }
    this.cluster.watchTopics([topic])
    this.source.update()
    return assigned
  }

  /** Delivers what `holds` kept back. */
  deliver(): void {
    for (const partition of this.#waiting) this.#deliver(partition)
  }

  /** Requests of one API, a second. */
  async rateOf(api: { readonly name: string }, seconds: number): Promise<number> {
    const count = () => this.peer.received.filter((request) => request.api.name === api.name).length
    const before = count()
    await this.runtime.advance(seconds * 1_000)
    return (count() - before) / seconds
  }

  async close(): Promise<{ timers: number; sockets: number }> {
    this.source.close()
    const closed = this.cluster.close()
    await this.runtime.advance(20_000)
    await closed
    return { timers: this.runtime.pendingTimers, sockets: this.runtime.network.open.length }
  }

  // ---- the callbacks of the source

  onOutOfRange(partition: AssignedPartition): void {
    this.#called('out of range', partition)
  }

  onNewEpoch(partition: AssignedPartition): void {
    this.#called(`epoch ${partition.fetching.leaderEpoch}`, partition)
  }

  onRecreated(partition: AssignedPartition): void {
    this.#called('recreated', partition)
  }

  onForbidden(partition: AssignedPartition, error: KafkaError): void {
    this.#called(`forbidden ${error.code}`, partition)
  }

  hold(): () => void {
    return () => {}
  }

  onFatal(error: unknown): void {
    this.calls.push(`fatal ${String(error)}`)
  }

  #called(call: string, partition: AssignedPartition): void {
    this.calls.push(`${call} ${partition.topic}${partition.partition}`)
    this.react(call, partition)
  }

  #createBuffers(): BufferHost<AssignedPartition> {
    return {
      keeps: () => false,
      discardKept: () => {},
      countFetched: (partition, bytes) => {
        if (bytes < 0) this.source.wake(partition)
      },
      discharge: () => {},
      check: () => {},
      inflate: () => {
        throw new Error('these batches are not compressed')
      },
      ready: (partition) => {
        this.#waiting.add(partition)
        if (!this.holds) queueMicrotask(() => this.#deliver(partition))
      },
      skipped: () => {},
      ended: () => {},
      unreadable: (partition, cause) => {
        this.unreadable.push(cause)
        partition.obstruct('failed', undefined, this.runtime.monoNow())
      },
    }
  }

  #deliver(partition: AssignedPartition): void {
    this.#waiting.delete(partition)
    for (let batch = partition.buffer.take(); batch !== undefined; batch = partition.buffer.take()) {
      while (batch.next()) {
        const { bytes, valueStart, valueLength } = batch.records
        this.values.push(Buffer.from(bytes.subarray(valueStart, valueStart + valueLength)).toString())
      }
      partition.buffer.finish(batch)
    }
  }
}
