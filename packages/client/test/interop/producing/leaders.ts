import { setTimeout as sleep } from 'node:timers/promises'
import { AlterPartitionReassignments, ElectLeaders } from '@ottla/codec'
import { Cluster } from '../../../src/cluster/cluster.ts'
import { silentLogger } from '../../../src/logger.ts'
import { Metrics } from '../../../src/metrics.ts'
import { resolveKafkaOptions } from '../../../src/options.ts'
import type { Random } from '../chaos/random.ts'

const preferred = 0
const requestTimeoutMs = 5_000

/** Moves the leaders of a topic, one partition after the other, as an operator does. */
export class LeaderMoves {
  moves = 0
  readonly #cluster: Cluster
  readonly #topic: string
  readonly #partitions: number
  readonly #random: Random
  #isStopping = false
  #running: Promise<void> = Promise.resolve()

  constructor(bootstrap: readonly string[], topic: string, partitions: number, random: Random) {
    const options = resolveKafkaOptions({ brokers: bootstrap, logger: silentLogger, clientId: 'leader-moves' })
    this.#cluster = new Cluster(options, new Metrics())
    this.#topic = topic
    this.#partitions = partitions
    this.#random = random
  }

  start(everyMs: number): void {
    this.#running = this.#run(everyMs)
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#running
    await this.#cluster.close()
  }

  /** The leader of a partition in the metadata of the moment; -1: none. */
  async leaderOf(partition: number): Promise<number> {
    await this.#cluster.refreshMetadata('a test', [this.#topic])
    return this.#cluster.topic(this.#topic)?.partitions[partition]?.leader ?? -1
  }

  async #run(everyMs: number): Promise<void> {
    while (!this.#isStopping) {
      await sleep(everyMs)
      // Brokers are down half of the time: the next attempt is as good.
      await this.#move(this.#random.below(this.#partitions)).catch(() => {})
    }
  }

  async #move(partition: number): Promise<void> {
    await this.#cluster.refreshMetadata('a test', [this.#topic])
    const { leader = -1, replicas = [], isr = [] } = this.#cluster.topic(this.#topic)?.partitions[partition] ?? {}
    const others = replicas.filter((id) => id !== leader && isr.includes(id))
    if (others.length === 0) return
    const next = this.#random.pick(others)
    const order = [next, ...replicas.filter((id) => id !== next)]
    const controller = await this.#cluster.findController(1)
    const reassignment = { partitionIndex: partition, replicas: order }
    await controller.request(AlterPartitionReassignments, {
      timeoutMs: requestTimeoutMs,
      allowReplicationFactorChange: true,
      topics: [{ name: this.#topic, partitions: [reassignment] }],
    })
    const { replicaElectionResults } = await controller.request(ElectLeaders, {
      electionType: preferred,
      topicPartitions: [{ topic: this.#topic, partitions: [partition] }],
      timeoutMs: requestTimeoutMs,
    })
    if (replicaElectionResults[0]?.partitionResult[0]?.errorCode === 0) this.moves++
  }
}
