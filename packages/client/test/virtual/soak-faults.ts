import type { ErrorName } from '@ottla/codec'
import type { FaultRule, NetworkNode, TestBroker, TestCluster } from '@ottla/testkit'

/** A fault that is active; `heal` ends it. */
export interface Trouble {
  readonly name: string
  heal(): Promise<void> | void
}

type RandomStream = () => number

/** Random faults of the network, of machines and of requests. */
export class SoakFaults {
  readonly #cluster: TestCluster
  readonly #random: RandomStream
  readonly counts = new Map<string, number>()

  constructor(cluster: TestCluster) {
    const { virtual } = cluster
    if (virtual === undefined) throw new Error('faults are drawn from the seed of virtual time')
    this.#cluster = cluster
    this.#random = virtual.streams.faults
  }

  between(least: number, most: number): number {
    return least + this.#random() * (most - least)
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T
  }

  async strike(): Promise<Trouble> {
    const trouble = await this.#any()
    this.counts.set(trouble.name, (this.counts.get(trouble.name) ?? 0) + 1)
    return trouble
  }

  async #any(): Promise<Trouble> {
    const broker = this.pick(this.#cluster.brokers)
    switch (Math.floor(this.#random() * 10)) {
      case 0:
        return this.#kill(broker)
      case 1:
        return this.#lose(broker)
      case 2:
        return this.#stop(broker)
      case 3:
        broker.pause()
        return { name: 'pause', heal: () => broker.resume() }
      case 4:
        broker.slow(this.between(50, 3_000))
        return { name: 'slow', heal: () => broker.slow(0) }
      case 5:
        broker.fillDisk()
        return { name: 'disk full', heal: () => broker.freeDisk() }
      case 6:
        broker.pauseReplication()
        return { name: 'lag', heal: () => broker.resumeReplication() }
      case 7:
        this.#cluster.clock.jump(Math.round(this.between(-120_000, 120_000)))
        return { name: 'clock jump', heal: () => {} }
      case 8:
        return this.#cut()
      default:
        return this.#break()
    }
  }

  async #kill(broker: TestBroker): Promise<Trouble> {
    await broker.kill()
    return { name: 'kill', heal: () => start(broker) }
  }

  async #stop(broker: TestBroker): Promise<Trouble> {
    await broker.shutdown()
    return { name: 'shutdown', heal: () => start(broker) }
  }

  /** Also loses the disk if no committed record depends on it: others are in sync, and this one is not. */
  async #lose(broker: TestBroker): Promise<Trouble> {
    await broker.kill()
    const heal = async () => {
      const isNeeded = this.#cluster
        .state()
        .topics.some(({ partitions }) => partitions.some(({ isr }) => isr.includes(broker.id)))
      if (!broker.isUp) await broker.restart({ wipe: !isNeeded })
    }
    return { name: 'disk lost', heal }
  }

  #cut(): Trouble {
    const places: NetworkNode[] = [1, 2, 3, 'controller', 'clients']
    const from = this.pick(places)
    const to = this.pick(places.filter((place) => place !== from))
    const oneWay = this.#random() < 0.5
    return { name: oneWay ? 'cut one way' : 'cut', heal: this.#cluster.disconnect(from, to, { oneWay }) }
  }

  #break(): Trouble {
    const error = (api: 'Produce' | 'Fetch' | 'OffsetCommit' | 'Heartbeat' | 'InitProducerId', name: ErrorName) =>
      ({ match: { api }, action: { error: name } }) satisfies Partial<FaultRule>
    const rules: Pick<FaultRule, 'match' | 'action'>[] = [
      error('Produce', 'NOT_LEADER_OR_FOLLOWER'),
      error('Fetch', 'UNKNOWN_SERVER_ERROR'),
      error('OffsetCommit', 'COORDINATOR_LOAD_IN_PROGRESS'),
      error('Heartbeat', 'COORDINATOR_NOT_AVAILABLE'),
      error('InitProducerId', 'NOT_COORDINATOR'),
      { match: { api: 'Produce' }, action: { errorAfterWork: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' } },
      { match: { api: 'Produce' }, action: 'closeAfterWork' },
      { match: { api: 'Fetch' }, action: 'close' },
      { match: { api: 'Metadata' }, action: 'staleMetadata' },
      { match: { api: 'Fetch' }, action: { delay: '2s' } },
      { match: { api: 'JoinGroup' }, action: 'closeAfterWork' },
      { match: {}, action: { throttle: '1s' } },
    ]
    const fault = this.#cluster.faults.add({ ...this.pick(rules), trigger: { probability: 0.3 } } as FaultRule)
    return { name: 'rule', heal: () => fault.remove() }
  }
}

async function start(broker: TestBroker): Promise<void> {
  if (!broker.isUp) await broker.restart()
}
