import type { Broker } from '../broker/broker.ts'
import type { ClusterContext } from '../broker/cluster-context.ts'
import type { ControllerState } from '../controllers/controller.ts'
import type { Clock } from '../runtime/clock.ts'
import type { TopicImage } from '../state/metadata-view.ts'
import { ReplicaLog } from '../state/replicas/replica-log.ts'

interface SavedBroker {
  readonly id: number
  readonly isUp: boolean
  readonly isPaused: boolean
  readonly requestDelayMs: number
  readonly isDiskFull: boolean
  readonly isFetchingPaused: boolean
  readonly logs: readonly { readonly topic: TopicImage; readonly partition: number; readonly log: ReplicaLog }[]
}

/**
 * The state of a cluster at one moment, from `cluster.snapshot()`. It shares the records with the cluster. It can be restored any
 * number of times, in the cluster it was taken from.
 */
export class ClusterSnapshot {
  /** Wall time of the cluster when it was taken, in ms since the epoch. */
  readonly takenAtMs: number
  readonly #clusterId: string
  readonly #controller: ControllerState
  readonly #brokers: readonly SavedBroker[]
  readonly #cuts: ReadonlyMap<string, number>
  readonly #wallShiftMs: number

  /** Use `cluster.snapshot()`. @internal */
  constructor(cluster: ClusterContext, clock: Clock) {
    this.takenAtMs = clock.now()
    this.#clusterId = cluster.clusterId
    this.#controller = cluster.controller.save()
    this.#brokers = cluster.brokers().map(saveBroker)
    this.#cuts = cluster.links.save()
    this.#wallShiftMs = clock.wallShiftMs
  }

  /** Use `cluster.restore(snapshot)`. @internal */
  async restore(cluster: ClusterContext, clock: Clock): Promise<void> {
    if (cluster.clusterId !== this.#clusterId) throw new TypeError('The snapshot was taken from another cluster')
    const { controller, links } = cluster
    const brokers = this.#brokers.map((saved) => [saved, cluster.broker(saved.id) as Broker] as const)
    for (const [, broker] of brokers) broker.halt(new Error('The cluster was restored from a snapshot'))
    await Promise.all(brokers.map(([saved, broker]) => broker.setListening(saved.isUp)))
    // Synchronous from here on: no caller sees a partially restored cluster.
    links.restore(this.#cuts)
    clock.jump(this.#wallShiftMs - clock.wallShiftMs)
    controller.restore(this.#controller)
    for (const [saved, broker] of brokers) {
      broker.replicas.load(saved.logs)
      broker.requestDelayMs = saved.requestDelayMs
      broker.replicas.isDiskFull = saved.isDiskFull
      if (saved.isUp) {
        controller.quorum.found(saved.id)
        broker.startWith(this.#controller.metadata)
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

function saveBroker({ id, isUp, isPaused, requestDelayMs, replicas }: Broker): SavedBroker {
  const { isDiskFull, isFetchingPaused } = replicas
  const logs = Array.from(replicas.logs(), ({ topic, partition, log }) => {
    const copy = new ReplicaLog()
    copy.copyFrom(log)
    return { topic, partition, log: copy }
  })
  return { id, isUp, isPaused, requestDelayMs, isDiskFull, isFetchingPaused, logs }
}
