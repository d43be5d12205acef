import type { Broker } from './broker.ts'
import type { ClusterContext } from './cluster-context.ts'
import type { ControllerState } from './controller.ts'
import type { Clock } from './runtime/clock.ts'
import type { TopicImage } from './state/metadata-view.ts'
import { ReplicaLog } from './state/replicas/replica-log.ts'

interface SavedBroker {
  readonly id: number
  readonly isUp: boolean
  readonly isPaused: boolean
  readonly delayMs: number
  readonly isDiskFull: boolean
  readonly isFetchingPaused: boolean
  readonly logs: readonly { readonly topic: TopicImage; readonly partition: number; readonly log: ReplicaLog }[]
}

/**
 * A cluster at one moment, from `cluster.snapshot()`. It shares the records with the cluster: it costs what it takes to note
 * them. It can be restored any number of times, on the cluster it was taken of.
 */
export class ClusterSnapshot {
  /** Cluster time when it was taken, in ms since the epoch. */
  readonly takenAtMs: number
  readonly #clusterId: string
  readonly #controller: ControllerState
  readonly #brokers: readonly SavedBroker[]
  readonly #cuts: ReadonlyMap<string, number>
  readonly #wallShiftMs: number

  /** Use `cluster.snapshot()`. */
  constructor(cluster: ClusterContext, clock: Clock) {
    this.takenAtMs = clock.now()
    this.#clusterId = cluster.clusterId
    this.#controller = cluster.controller.save()
    this.#brokers = cluster.brokers().map(saveBroker)
    this.#cuts = cluster.links.save()
    this.#wallShiftMs = clock.wallShiftMs
  }

  /** Use `cluster.restore(snapshot)`. */
  async restore(cluster: ClusterContext, clock: Clock): Promise<void> {
    if (cluster.clusterId !== this.#clusterId) throw new TypeError('the snapshot was taken of another cluster')
    const { controller, links } = cluster
    const brokers = this.#brokers.map((saved) => [saved, cluster.broker(saved.id) as Broker] as const)
    for (const [, broker] of brokers) broker.halt(new Error('the cluster was restored from a snapshot'))
    await Promise.all(brokers.map(([saved, broker]) => broker.prepare(saved.isUp)))
    // From here on in one go: nobody sees a half of it.
    links.restore(this.#cuts)
    clock.jump(this.#wallShiftMs - clock.wallShiftMs)
    controller.restore(this.#controller)
    for (const [saved, broker] of brokers) {
      broker.replicas.load(saved.logs)
      broker.delayMs = saved.delayMs
      broker.replicas.isDiskFull = saved.isDiskFull
      if (saved.isUp) {
        controller.quorum.found(saved.id)
        broker.begin(this.#controller.metadata)
      }
      if (saved.isFetchingPaused) broker.replicas.pauseFetching()
      if (saved.isPaused) broker.pause()
    }
    for (const [{ id, isUp, isPaused }] of brokers) {
      const isHeard = isUp && !isPaused && links.isOpen(id, 'controller')
      if (!isHeard && controller.state.isAlive(id)) controller.brokerLost(id)
    }
  }
}

function saveBroker({ id, isUp, isPaused, delayMs, replicas }: Broker): SavedBroker {
  const { isDiskFull, isFetchingPaused } = replicas
  const logs = Array.from(replicas.logs(), ({ topic, partition, log }) => {
    const copy = new ReplicaLog()
    copy.copyFrom(log)
    return { topic, partition, log: copy }
  })
  return { id, isUp, isPaused, delayMs, isDiskFull, isFetchingPaused, logs }
}
