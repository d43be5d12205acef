import {
  type Decoded,
  errorOf,
  FindCoordinator,
  IncrementalAlterConfigs,
  Metadata,
  Produce,
  ShareAcknowledge,
  ShareFetch,
  ShareGroupHeartbeat,
  zeroUuid,
} from '@ottla/codec'
import type { TestCluster } from '@ottla/testkit'
import { batchOf, recordsOf } from './batches.ts'
import { WireClient } from './wire-client.ts'

type Fetched = Decoded<typeof ShareFetch.response>

export interface Taken {
  readonly value: string
  readonly offset: number
  readonly deliveryCount: number
}

/** KIP-932's acknowledgement types. */
export const ack = { gap: 0, accept: 1, release: 2, reject: 3, renew: 4 } as const

/** A member of a share group that reads partition 0 of a topic, one request at a time. */
export class ShareClient {
  readonly groupId: string
  readonly memberId: string
  readonly #cluster: TestCluster
  readonly #topic: string
  readonly #wires = new Map<number, WireClient>()
  #memberEpoch = 0
  #sessionEpoch = 0
  #leader = -1
  #topicId = ''

  constructor(cluster: TestCluster, groupId: string, { topic = 't', memberId = 'one' } = {}) {
    this.#cluster = cluster
    this.groupId = groupId
    this.memberId = memberId
    this.#topic = topic
  }

  /** Resolves when the partition is assigned. */
  async join(): Promise<void> {
    const response = await this.wire(1).then((wire) =>
      wire.request(Metadata, {
        topics: [{ name: this.#topic, topicId: zeroUuid }],
        ...{ allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false },
      }),
    )
    this.#topicId = response.topics[0]?.topicId ?? ''
    await until('the partition is assigned', async () => {
      const { assignment, memberEpoch, errorCode } = await this.heartbeat(this.#memberEpoch)
      if (errorCode !== 0) return false
      this.#memberEpoch = memberEpoch
      return (assignment?.topicPartitions.length ?? 0) > 0
    })
  }

  async heartbeat(memberEpoch = this.#memberEpoch) {
    const { groupId, memberId } = this
    const coordinator = await this.coordinator()
    const body = { groupId, memberId, memberEpoch, rackId: null, subscribedTopicNames: [this.#topic] }
    return coordinator.request(ShareGroupHeartbeat, body)
  }

  async leave(): Promise<void> {
    await this.heartbeat(-1)
    this.#memberEpoch = 0
  }

  async coordinator(): Promise<WireClient> {
    let nodeId = -1
    await until('the coordinator is available', async () => {
      const wire = await this.wire(this.#alive())
      const { coordinators } = await wire.request(FindCoordinator, { keyType: 0, coordinatorKeys: [this.groupId] })
      nodeId = coordinators[0]?.nodeId ?? -1
      return nodeId !== -1
    })
    return this.wire(nodeId)
  }

  /** Fetches records, and opens a new session if there is none. */
  async fetch({ maxWaitMs = 50, maxRecords = 100, acks = [] as [number, number, number][] } = {}): Promise<Taken[]> {
    const response = await this.fetchRaw({ maxWaitMs, maxRecords, acks })
    const partition = response.responses[0]?.partitions[0]
    if (partition === undefined) return []
    const ackError = errorOf(partition.acknowledgeErrorCode).name
    if (ackError !== 'NONE') throw new Error(`${ackError}: ${partition.acknowledgeErrorMessage}`)
    const records = recordsOf(partition.records)
    return partition.acquiredRecords.flatMap(({ firstOffset, lastOffset, deliveryCount }) =>
      records
        .filter(({ offset }) => offset >= firstOffset && offset <= lastOffset)
        .map(({ offset, value }) => ({ value, offset, deliveryCount })),
    )
  }

  async fetchRaw({ maxWaitMs = 50, maxRecords = 100, acks = [] as [number, number, number][] } = {}): Promise<Fetched> {
    const { leader } = this.#cluster.partition(this.#topic, 0)
    if (leader !== this.#leader) this.#sessionEpoch = 0
    this.#leader = leader
    const { groupId, memberId } = this
    const wire = await this.wire(leader)
    const response = await wire.request(ShareFetch, {
      ...{ groupId, memberId, shareSessionEpoch: this.#sessionEpoch, forgottenTopicsData: [] },
      ...{ maxWaitMs, minBytes: 1, maxBytes: 1 << 20, maxRecords, batchSize: 100 },
      topics: this.#topics(acks),
    })
    this.#sessionEpoch = response.errorCode === 0 ? this.#sessionEpoch + 1 : 0
    return response
  }

  /** NONE, or the error. */
  async acknowledge(...acks: [first: number, last: number, type: number][]): Promise<string> {
    const { groupId, memberId } = this
    const wire = await this.wire(this.#leader)
    const response = await wire.request(ShareAcknowledge, {
      ...{ groupId, memberId, shareSessionEpoch: this.#sessionEpoch, topics: this.#topics(acks) },
      isRenewAck: acks.some(([, , type]) => type === ack.renew),
    })
    if (response.errorCode === 0) this.#sessionEpoch++
    return errorOf(response.errorCode || (response.responses[0]?.partitions[0]?.errorCode ?? 0)).name
  }

  async produce(...values: string[]): Promise<void> {
    const { leader } = this.#cluster.partition(this.#topic, 0)
    const wire = await this.wire(leader)
    const partitionData = [{ index: 0, records: Buffer.from(batchOf(values)) }]
    const topicData = [{ name: this.#topic, topicId: this.#topicId, partitionData }]
    const { responses } = await wire.request(
      Produce,
      { transactionalId: null, acks: -1, timeoutMs: 5_000, topicData },
      12,
    )
    const code = responses[0]?.partitionResponses[0]?.errorCode
    if (code !== 0) throw new Error(`Produce failed with error ${code}`)
  }

  /** Sets configs of the group. */
  async configure(configs: Readonly<Record<string, string | number>>): Promise<void> {
    const wire = await this.wire(this.#alive())
    const values = Object.entries(configs).map(([name, value]) => ({ name, configOperation: 0, value: String(value) }))
    const resource = { resourceType: 32, resourceName: this.groupId, configs: values }
    const { responses } = await wire.request(IncrementalAlterConfigs, { resources: [resource], validateOnly: false })
    if (responses[0]?.errorCode !== 0) throw new Error(`Setting configs failed: ${responses[0]?.errorMessage}`)
  }

  async wire(broker: number): Promise<WireClient> {
    let wire = this.#wires.get(broker)
    if (wire === undefined || wire.isClosed) {
      const { host, port } = this.#cluster.broker(broker)
      wire = await WireClient.connect(this.#cluster.runtime, `${host}:${port}`)
      this.#wires.set(broker, wire)
    }
    return wire
  }

  /** Closes the connections without leaving the group. */
  close(): void {
    for (const wire of this.#wires.values()) wire.close()
    this.#wires.clear()
    this.#sessionEpoch = 0
  }

  #alive(): number {
    return this.#cluster.state().brokers.find(({ isUp }) => isUp)?.id ?? 1
  }

  #topics(acks: readonly [number, number, number][]) {
    const acknowledgementBatches = acks.map(([first, last, type]) => ({
      ...{ firstOffset: BigInt(first), lastOffset: BigInt(last), acknowledgeTypes: [type] },
    }))
    return [{ topicId: this.#topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches }] }]
  }
}

/** Polls a condition while the cluster works in the background. */
export async function until(what: string, isThere: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await isThere().catch(() => false)) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`Timed out: ${what}`)
}
