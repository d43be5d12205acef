import { RecordBatch } from '@ottla/codec/records'
import { Broker, type Listen } from '../../src/broker/broker.ts'
import type { ClusterContext } from '../../src/broker/cluster-context.ts'
import type { Dispatch } from '../../src/connection/connection.ts'
import { Controller } from '../../src/controllers/controller.ts'
import { DelegationTokenManager } from '../../src/controllers/delegation-tokens.ts'
import { MutationQuotas } from '../../src/controllers/mutation-quotas.ts'
import { reassign } from '../../src/controllers/reassignment.ts'
import { Links, type NetworkNode } from '../../src/network/links.ts'
import { BrokerConfig } from '../../src/state/configs/broker-config.ts'
import type { PartitionImage } from '../../src/state/metadata-view.ts'
import { noQuirks } from '../../src/state/quirks.ts'
import type { StoredBatch } from '../../src/state/replicas/log-segment.ts'
import { producedBatchOf } from '../../src/state/replicas/produced-batch.ts'
import type { Replica } from '../../src/state/replicas/replica.ts'
import { batchOf } from './batches.ts'
import { SimulatedTime } from './simulation.ts'

export const topic = 'ledger'

/** Brokers and a controller under simulated time, with the invariants of their replicas. */
export class ReplicationWorld {
  readonly time: SimulatedTime
  readonly brokers: Broker[]
  readonly links = new Links(() => {
    for (const broker of this.brokers) broker.reconnect()
  })
  readonly controller: Controller
  readonly minIsr: number
  /** Records acknowledged with acks=all: offset → value. */
  readonly acknowledged = new Map<number, string>()
  readonly #exposed = { highWatermark: 0 }
  /** The broker that appended in each leader epoch. */
  readonly #writers = new Map<number, number>()
  readonly #values = new WeakMap<StoredBatch, string>()
  /** Brokers that lost records and may still be in the ISR. */
  readonly #crashed = new Set<number>()
  readonly #heals: (() => void)[] = []
  readonly #config: BrokerConfig
  #decided: PartitionImage | undefined
  /** The number of reassignments that were started or cancelled. */
  reassignments = 0
  #nextValue = 0
  #checks = 0

  private constructor(seed: number, brokerCount: number, minIsr: number) {
    this.time = new SimulatedTime(seed)
    this.minIsr = minIsr
    const { runtime } = this.time
    const config = new BrokerConfig({
      'min.insync.replicas': minIsr,
      'replica.lag.time.max.ms': 400,
      'leader.imbalance.check.interval.seconds': 2,
    })
    this.#config = config
    this.controller = new Controller({
      runtime,
      config,
      publish: (delta) => {
        if (delta.topics !== undefined) this.#checkDecision()
        for (const broker of this.brokers) broker.receive(delta)
      },
    })
    const context: ClusterContext = {
      clusterId: 'simulated',
      runtime,
      config,
      controller: this.controller,
      mutationQuotas: new MutationQuotas(runtime, config),
      links: this.links,
      sasl: undefined,
      quirks: noQuirks,
      authorizer: undefined,
      readReplicas: undefined,
      tokens: new DelegationTokenManager({ runtime, config, controller: this.controller }),
      broker: (id) => this.brokers[id - 1],
      brokers: () => this.brokers,
      diagnose: (message) => {
        throw new Error(message)
      },
    }
    const listen: Listen = async (id) => ({
      addresses: [{ name: 'PLAINTEXT', host: `b${id}`, port: 1 }],
      close: async () => {},
    })
    const dispatch = (): Dispatch => () => ({ kind: 'nothing' })
    this.brokers = Array.from(
      { length: brokerCount },
      (_, at) => new Broker(context, { id: at + 1, rack: null, listen, dispatch }),
    )
  }

  static async create(seed: number, { brokers = 3, replicas = 3, minIsr = 1 } = {}): Promise<ReplicationWorld> {
    const world = new ReplicationWorld(seed, brokers, minIsr)
    const started = Promise.all(world.brokers.map((broker) => broker.start()))
    await SimulatedTime.drain()
    await world.settle()
    await started
    const configs = { 'segment.ms': '300', 'flush.messages': '3', 'retention.ms': '20000' }
    world.controller.createTopic({
      name: topic,
      assignment: world.controller.assign(1, replicas),
      configs: new Map(Object.entries(configs)),
    })
    await world.settle()
    return world
  }

  get image() {
    const image = this.controller.state.topic(topic)?.partitions[0]
    if (image === undefined) throw new Error('The topic was deleted')
    return image
  }

  get replicas(): Replica[] {
    return this.brokers.flatMap((broker) => broker.replica(topic, 0) ?? [])
  }

  /** All replicas that believe they are the leader. */
  get leaders(): Replica[] {
    return this.brokers
      .filter(({ isUp }) => isUp)
      .flatMap((broker) => broker.replica(topic, 0) ?? [])
      .filter(({ isLeader }) => isLeader)
  }

  /** Runs events until none is due within `horizonMs`. */
  async settle(horizonMs = 1000): Promise<void> {
    for (let steps = 0; this.time.step(horizonMs) && steps < 5000; steps++) {
      this.check()
      if (steps % 20 === 0) await SimulatedTime.drain()
    }
    await SimulatedTime.drain()
  }

  append(leader: Replica, { acksAll }: { readonly acksAll: boolean }): void {
    const value = `v${this.#nextValue++}`
    const result = leader.append(
      producedBatchOf(batchOf([value], { timestamp: Math.floor(this.time.runtime.wallNow()) })),
      {
        acksAll,
      },
    )
    if (result.error !== undefined) return
    const owner = this.brokers.findIndex((broker) => broker.replica(topic, 0) === leader)
    const known = this.#writers.get(leader.leaderEpoch)
    if (known !== undefined && known !== owner)
      throw new Error(`Two brokers append in leader epoch ${leader.leaderEpoch}`)
    this.#writers.set(leader.leaderEpoch, owner)
    if (!acksAll) return
    leader.awaitReplication(result.requiredOffset, (error) => {
      if (error === 'NONE') this.acknowledged.set(result.baseOffset, value)
    })
  }

  /** A machine lost records, but may still be elected: one more failure could make it the only candidate. */
  get #isFragile(): boolean {
    const { isr, elr = [] } = this.image
    return [...isr, ...elr].some((id) => this.#crashed.has(id))
  }

  kill(broker: Broker): void {
    if (this.#isFragile) return
    this.controller.brokerLost(broker.id)
    void broker.kill()
  }

  /**
   * The machine crashes and loses unflushed records, but only while all other in-sync replicas are healthy. Otherwise it could
   * restart as the last in-sync replica and lose acknowledged records, as it would in Kafka.
   */
  crash(broker: Broker): void {
    const others = this.image.isr.filter((id) => id !== broker.id)
    const isHealthy = (id: number) => {
      const other = this.brokers[id - 1]
      return other?.isUp && !other.isPaused && this.controller.state.isAlive(id) && this.links.isOpen(id, 'controller')
    }
    if (!broker.isUp || this.#isFragile) return
    const isSafe = others.length > 0 && others.every(isHealthy)
    this.kill(broker)
    if (!isSafe) return
    broker.replica(topic, 0)?.log.loseUnflushed()
    this.#crashed.add(broker.id)
  }

  /** The process hangs: it keeps its records, and its session ends. */
  hang(broker: Broker): void {
    if (!broker.isUp || broker.isPaused || this.#isFragile) return
    broker.pause()
    this.controller.brokerLost(broker.id)
  }

  /** Cuts one direction between two nodes; the controller is a node too. */
  cut(): void {
    const nodes: NetworkNode[] = [...this.brokers.map(({ id }) => id), 'controller']
    const pick = () => nodes[Math.floor(this.time.random() * nodes.length)] as NetworkNode
    const [from, to] = [pick(), pick()]
    if (from === to || this.#isFragile) return
    this.#heals.push(this.links.cut(from, to))
    if (to === 'controller' && typeof from === 'number' && this.brokers[from - 1]?.isUp)
      this.controller.brokerLost(from)
  }

  healLinks(): void {
    for (const heal of this.#heals.splice(0)) heal()
  }

  /** Heals all faults. */
  heal(): void {
    this.healLinks()
    for (const broker of this.brokers) {
      broker.replicas.isDiskFull = false
      broker.replicas.resumeFetching()
      broker.resume()
      if (!broker.isUp) void broker.start()
    }
  }

  /** Reassigns the partition to two or three random brokers, or cancels the reassignment. */
  reassign(): void {
    const ids = this.brokers.map(({ id }) => id).sort(() => this.time.random() - 0.5)
    const replicas = this.time.random() < 0.2 ? null : ids.slice(0, this.time.random() < 0.5 ? 2 : 3)
    const refused = reassign(this.controller, this.#config, { topic, partition: 0, replicas })
    if (refused === undefined) this.reassignments += 1
  }

  /** Retention deletes only whole segments below the high watermark. */
  retain(broker: Broker): void {
    const log = broker.replica(topic, 0)?.log
    if (log === undefined || !broker.isUp || broker.isPaused) return
    const { highWatermark, segments } = log
    const bases = segments.map(({ baseOffset }) => baseOffset)
    const before = log.logStartOffset
    broker.replicas.applyRetention()
    const { logStartOffset, logEndOffset } = log
    if (logStartOffset === before) return
    const isWhole = bases.includes(logStartOffset) || logStartOffset === logEndOffset
    if (logStartOffset > highWatermark || !isWhole) {
      throw new Error(
        `Retention moved the log start to ${logStartOffset}: high watermark ${highWatermark}, segments ${bases}`,
      )
    }
  }

  // ---- invariants ----------------------------------------------------------------------------------------------------

  check(): void {
    const { replicas } = this
    if (this.controller.state.topic(topic) === undefined) return
    const { leader, isr, elr = [] } = this.image
    for (const id of this.#crashed) if (!isr.includes(id) && !elr.includes(id)) this.#crashed.delete(id)
    for (const replica of replicas) this.#checkLog(replica)
    for (const leader of this.leaders) this.#checkLeader(leader)
    // Comparing all logs is expensive; a difference persists, so an occasional comparison finds it.
    if (this.#checks++ % 8 === 0) this.#checkPairs(replicas)
    if (leader >= 0 && !isr.includes(leader)) throw new Error(`Leader ${leader} is not in the ISR ${isr}`)
    for (const id of elr) this.#checkEligible(id)
  }

  /** An eligible leader outside the ISR has all records that were ever exposed as committed. */
  #checkEligible(id: number): void {
    const end = this.brokers[id - 1]?.replica(topic, 0)?.logEndOffset ?? 0
    if (this.#crashed.has(id) || end >= this.#exposed.highWatermark) return
    throw new Error(`Eligible broker ${id} ends at ${end}, below the committed offset ${this.#exposed.highWatermark}`)
  }

  /** A leader is elected from the candidates, or joined the ISR with the decision that completes a reassignment. */
  #checkDecision(): void {
    const before = this.#decided
    const now = this.controller.state.topic(topic)?.partitions[0]
    this.#decided = now
    if (before === undefined || now === undefined || now.leader === before.leader || now.leader < 0) return
    const { isr, elr = [], lastKnownElr = [] } = before
    if ([...isr, ...elr, ...lastKnownElr].includes(now.leader)) return
    const isMoving = before.adding !== undefined || before.removing !== undefined
    const end = this.brokers[now.leader - 1]?.replica(topic, 0)?.logEndOffset ?? 0
    if (isMoving && now.isr.includes(now.leader) && end >= this.#exposed.highWatermark) return
    throw new Error(`Leader ${now.leader} was no candidate: ISR ${isr}, eligible ${elr}`)
  }

  /** When all brokers are up and idle, all replicas are equal. */
  checkConverged(): void {
    const { image } = this
    if (image.adding !== undefined || image.removing !== undefined) throw new Error('The reassignment is not complete')
    const kept = this.brokers.filter((broker) => broker.replica(topic, 0) !== undefined).map(({ id }) => id)
    if (String(kept) !== String([...image.replicas].sort())) {
      throw new Error(`Logs are on brokers ${kept}, but replicas on ${image.replicas}`)
    }
    const { replicas } = this
    if (image.isr.length !== image.replicas.length) throw new Error(`The ISR is ${image.isr} of ${image.replicas}`)
    const [first] = replicas
    for (const replica of replicas) {
      const same = replica.logEndOffset === first?.logEndOffset && replica.highWatermark === replica.logEndOffset
      if (!same) {
        const ends = replicas.map(({ logEndOffset, highWatermark }) => `${highWatermark}/${logEndOffset}`)
        throw new Error(`High watermarks or log end offsets differ: ${ends}`)
      }
    }
  }

  #checkLog({ log }: Replica): void {
    const { logStartOffset, highWatermark, logEndOffset } = log
    const ordered = logStartOffset <= highWatermark && highWatermark <= logEndOffset
    if (!ordered)
      throw new Error(
        `Offsets out of order: log start ${logStartOffset}, high watermark ${highWatermark}, log end ${logEndOffset}`,
      )
    let epoch = -1
    for (const batch of log.batches()) {
      if (batch.leaderEpoch < epoch) throw new Error(`Leader epoch ${batch.leaderEpoch} follows ${epoch}`)
      epoch = batch.leaderEpoch
    }
  }

  #checkLeader(leader: Replica): void {
    const { log, leadership } = leader
    // A predecessor that has not received the metadata yet is not checked.
    if (leadership === undefined || leader.leaderEpoch !== this.image.leaderEpoch) return
    if (!leader.isHighWatermarkBehindEpoch) {
      if (log.highWatermark < this.#exposed.highWatermark) {
        throw new Error(`The high watermark moved back from ${this.#exposed.highWatermark} to ${log.highWatermark}`)
      }
      this.#exposed.highWatermark = log.highWatermark
    }
    for (const id of this.#inSync(leader)) {
      const member = this.brokers[id - 1]?.replica(topic, 0)
      if ((member?.logEndOffset ?? 0) < log.highWatermark) {
        throw new Error(
          `In-sync broker ${id} ends at ${member?.logEndOffset}, below the high watermark ${log.highWatermark}`,
        )
      }
    }
    this.#checkAcknowledged(leader)
  }

  /** The live replicas in the ISR of leader and controller; a crashed machine has fewer records than the leader assumes. */
  #inSync({ leadership }: Replica): number[] {
    const { isr } = this.image
    return (leadership?.isr ?? []).filter((id) => isr.includes(id) && this.brokers[id - 1]?.isUp === true)
  }

  #checkAcknowledged({ log }: Replica): void {
    const values = new Map<number, string>()
    for (const batch of log.batches()) values.set(batch.baseOffset, this.#valueOf(batch))
    for (const [offset, value] of this.acknowledged) {
      if (offset < log.logStartOffset) continue
      if (values.get(offset) !== value)
        throw new Error(`${value} was acknowledged at offset ${offset}, but the leader has ${values.get(offset)}`)
    }
  }

  #valueOf(batch: StoredBatch): string {
    const known = this.#values.get(batch)
    if (known !== undefined) return known
    const value = firstValueOf(batch)
    this.#values.set(batch, value)
    return value
  }

  /** Logs that agree on an offset and its epoch agree on all earlier ones; the ISR agrees on all below the high watermark. */
  #checkPairs(replicas: readonly Replica[]): void {
    const [leader] = this.leaders.filter(({ leaderEpoch }) => leaderEpoch === this.image.leaderEpoch)
    for (const a of replicas) {
      for (const b of replicas) {
        if (a === b) continue
        checkPair([...a.log.batches()], [...b.log.batches()])
      }
    }
    if (leader === undefined) return
    for (const id of this.#inSync(leader)) {
      const member = this.brokers[id - 1]?.replica(topic, 0)
      if (member !== undefined) checkCommitted(leader, member)
    }
  }
}

function checkPair(a: readonly StoredBatch[], b: readonly StoredBatch[]): void {
  const byOffset = new Map(b.map((batch) => [batch.baseOffset, batch]))
  let differs = false
  for (const batch of a) {
    const other = byOffset.get(batch.baseOffset)
    if (other === undefined) continue
    const isSame = batch === other || Buffer.compare(batch.bytes, other.bytes) === 0
    if (batch.leaderEpoch === other.leaderEpoch && (!isSame || differs)) {
      throw new Error(`Logs differ at or before offset ${batch.baseOffset}, leader epoch ${batch.leaderEpoch}`)
    }
    differs ||= !isSame
  }
}

function checkCommitted(leader: Replica, member: Replica): void {
  const own = new Map([...member.log.batches()].map((batch) => [batch.baseOffset, batch]))
  const start = Math.max(leader.logStartOffset, member.logStartOffset)
  for (const batch of leader.log.batches()) {
    if (batch.lastOffset >= leader.highWatermark || batch.baseOffset < start) continue
    const other = own.get(batch.baseOffset)
    if (other !== batch && (other === undefined || Buffer.compare(batch.bytes, other.bytes) !== 0)) {
      throw new Error(`A member of the ISR differs at offset ${batch.baseOffset}, below the high watermark`)
    }
  }
}

function firstValueOf({ bytes }: StoredBatch): string {
  const cursor = new RecordBatch(bytes).records()
  cursor.next()
  return Buffer.from(cursor.bytes.subarray(cursor.valueStart, cursor.valueStart + cursor.valueLength)).toString()
}
