import type { ConnectionPurpose } from '../../cluster/broker.ts'
import type { AssignedPartition } from '../partition/assigned-partition.ts'
import { mostPartitionsPerRequest } from '../turns.ts'
import { acceptFetch } from './fetch-response.ts'
import { FetchSession } from './fetch-session.ts'
import { fetchRequest, type LoopHost, sendFetch } from './loop-host.ts'
import { brokerIdOf, hasIds, type LoopKey } from './partitions-by-broker.ts'

/**
 * Fetches partitions that become ready while the loop of their broker is in a long poll without them, or in a pause: one immediate
 * fetch, outside the session and on a connection for this purpose. Afterwards the loop includes them.
 */
export class LateFetch {
  readonly #key: LoopKey
  readonly #host: LoopHost
  readonly #purpose: ConnectionPurpose
  readonly #signal: AbortSignal
  /** Whether the loop is in a long poll or a pause. */
  readonly #isNeeded: () => boolean
  readonly #partitions = new Set<AssignedPartition>()
  #running = false

  constructor(key: LoopKey, host: LoopHost, purpose: ConnectionPurpose, signal: AbortSignal, isNeeded: () => boolean) {
    this.#key = key
    this.#host = host
    this.#purpose = purpose
    this.#signal = signal
    this.#isNeeded = isNeeded
  }

  add(partition: AssignedPartition): void {
    this.#partitions.add(partition)
    if (!this.#running) void this.#run()
  }

  async #run(): Promise<void> {
    this.#running = true
    try {
      // Partitions usually become ready together.
      await (this.#host.turns.own(this.#host.partitionsOf(this.#key).size) ?? Promise.resolve())
      while (this.#partitions.size > 0 && this.#isNeeded() && !this.#host.budget.isFull && !this.#signal.aborted) {
        if (!(await this.#fetch())) break
      }
    } catch {
      // The loop's next request includes these partitions and handles the failure.
    } finally {
      this.#partitions.clear()
      this.#running = false
    }
  }

  /** False: there is nothing to fetch. */
  async #fetch(): Promise<boolean> {
    const { cluster, options, listener, turns } = this.#host
    const { partitionMaxBytes, isolation, rack } = options
    const broker = cluster.broker(brokerIdOf(this.#key))
    const nowMs = cluster.runtime.monoNow()
    const own = this.#host.partitionsOf(this.#key)
    const wanted: AssignedPartition[] = []
    for (const partition of this.#partitions) {
      if (wanted.length >= mostPartitionsPerRequest) break
      this.#partitions.delete(partition)
      if (own.has(partition) && partition.isFetchable(nowMs)) wanted.push(partition)
    }
    if (wanted.length === 0 || broker === undefined) return false
    const avoids = wanted.some(({ fetching }) => fetching.avoidsReplicas(nowMs))
    const withIds = hasIds(this.#key)
    const session = new FetchSession(withIds)
    const request = fetchRequest({ ...session.next(wanted, partitionMaxBytes).request, sessionEpoch: -1 }, isolation, {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: Math.min(partitionMaxBytes * wanted.length, 0x7fffffff),
      rack: avoids ? '' : (rack ?? ''),
    })
    const response = await sendFetch(broker, request, withIds, { purpose: this.#purpose, signal: this.#signal })
    if (this.#signal.aborted || response.errorCode !== 0) return false
    const context = {
      broker,
      committedOnly: isolation === 'read_committed',
      nowMs: cluster.runtime.monoNow(),
      turns,
      signal: this.#signal,
      endpoints: response.nodeEndpoints,
      listener,
    }
    await acceptFetch(response, session, context)
    return true
  }
}
