import { AlterPartitionReassignments, ElectLeaders, FindCoordinator } from '@ottla/codec'
import { type Admin, Kafka, type Producer, silentLogger } from '../../../src/index.ts'
import { uniqueName } from '../../support/names.ts'
import { until } from '../../support/until.ts'
import type { JavaPeer } from './java-peer.ts'

/** Waiting takes as long as it takes: this only ends what hangs. */
export const patienceMs = 60_000

/** The brokers that the scenarios share, and what they do to them. */
export class World {
  readonly bootstrap: readonly string[]
  readonly peer: JavaPeer
  readonly admin: Admin
  readonly producer: Producer
  readonly #kafka: Kafka

  constructor(bootstrap: readonly string[], peer: JavaPeer) {
    this.bootstrap = bootstrap
    this.peer = peer
    this.#kafka = new Kafka({ brokers: bootstrap, logger: silentLogger })
    this.admin = this.#kafka.admin()
    this.producer = this.#kafka.producer()
  }

  close(): Promise<void> {
    return this.#kafka.close()
  }

  portOf(broker: number): number {
    return Number(this.bootstrap[broker - 1]?.split(':').at(-1))
  }

  /** Creates a topic and waits for its leaders; returns its id. `assignments` are the brokers of each partition. */
  async createTopic(name: string, assignments: readonly (readonly number[])[]): Promise<string> {
    const created = await until(`topic ${name} is created`, () => this.#tryToCreate(name, assignments), patienceMs)
    await until(
      `topic ${name} has leaders`,
      async () => {
        const partitions = await this.#partitionsOf(name)
        return partitions.length === assignments.length && partitions.every(({ leader }) => leader > 0)
      },
      patienceMs,
    )
    return created
  }

  /** Just after its deletion a name can still be in use. */
  async #tryToCreate(name: string, assignments: readonly (readonly number[])[]): Promise<string | undefined> {
    try {
      const [created] = await this.admin.createTopics([{ name, assignments }])
      return created?.topicId
    } catch (error) {
      if (String(error).includes('TOPIC_ALREADY_EXISTS')) return undefined
      throw error
    }
  }

  async #partitionsOf(topic: string) {
    const [described] = await this.admin.describeTopics([topic]).catch(() => [])
    return described?.partitions ?? []
  }

  async leaderOf(topic: string, partition: number): Promise<number | undefined> {
    return (await this.#partitionsOf(topic))[partition]?.leader
  }

  async inSync(topic: string, partition: number): Promise<readonly number[]> {
    return (await this.#partitionsOf(topic))[partition]?.isr ?? []
  }

  /** The offset after the last record or marker. */
  async endOf(topic: string, partition: number): Promise<number> {
    const [listed] = await this.admin.listOffsets([{ topic, partition, at: 'latest' }])
    return Number(listed?.offset)
  }

  /** Makes another replica the leader, which starts a new leader epoch. */
  async moveLeader(topic: string, partition: number): Promise<number> {
    const now = await this.leaderOf(topic, partition)
    const replicas = (await this.#partitionsOf(topic))[partition]?.replicas ?? []
    const next = replicas.find((id) => id !== now)
    if (next === undefined) throw new Error(`topic ${topic} has one replica`)
    const order = [next, ...replicas.filter((id) => id !== next)]
    const topics = [{ name: topic, partitions: [{ partitionIndex: partition, replicas: order }] }]
    await this.admin.request(AlterPartitionReassignments, { timeoutMs: 30_000, topics })
    const topicPartitions = [{ topic, partitions: [partition] }]
    await until(
      `broker ${next} is the leader of topic ${topic}`,
      async () => {
        await this.admin.request(ElectLeaders, { electionType: 0, topicPartitions, timeoutMs: 30_000 })
        return (await this.leaderOf(topic, partition)) === next
      },
      patienceMs,
    )
    return next
  }

  /** A new group whose coordinator is another broker than this one, which will be killed. */
  async groupNotOn(broker: number, base: string): Promise<string> {
    return until(
      `a group has another coordinator than broker ${broker}`,
      async () => {
        const groupId = uniqueName(base)
        const body = { keyType: 0, coordinatorKeys: [groupId] }
        const { coordinators } = await this.admin.request(FindCoordinator, body)
        const [found] = coordinators
        return found?.errorCode === 0 && found.nodeId !== broker ? groupId : undefined
      },
      patienceMs,
    )
  }
}
