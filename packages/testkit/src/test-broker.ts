import type { Broker } from './broker.ts'
import type { Controller } from './controller.ts'
import type { Listeners } from './network/listeners.ts'

export interface KillOptions {
  /**
   * `all` (default): the process dies, and what the operating system holds of the logs is written. `none`: the machine dies,
   * and records that were not flushed are lost (flush.messages, log.flush.interval.messages; full segments are flushed).
   */
  readonly fsync?: 'all' | 'none'
}

export interface RestartOptions {
  /** With an empty disk: it copies everything from the leaders. */
  readonly wipe?: boolean
}

/** One broker of the cluster, to be intervened with. */
export interface TestBroker {
  readonly id: number
  readonly rack: string | null
  readonly host: string
  readonly port: number
  readonly isUp: boolean
  readonly isPaused: boolean
  /** How many clients are connected. */
  readonly connectionCount: number
  /** The process dies; its leaders move after broker.session.timeout.ms. What of its logs stays is told by `fsync`. */
  kill(options?: KillOptions): Promise<void>
  /** Stops it in order: others lead what it leads before it goes. Its logs are flushed. */
  shutdown(): Promise<void>
  /** Starts it again, at the same address. Resolves when it knows the metadata; it catches up then. */
  restart(options?: RestartOptions): Promise<void>
  /** The process hangs, as with SIGSTOP: connections stay, nothing is answered, its session expires. */
  pause(): void
  /** It goes on, and takes itself for what it was until it reads the metadata. */
  resume(): void
  /** Each request of a client waits this long before it is looked at; 0: not slow any more. */
  slow(delayMs: number): void
  /** Nothing can be appended to its logs: KAFKA_STORAGE_ERROR; its followers fall behind. Reading goes on. */
  fillDisk(): void
  freeDisk(): void
  /** Its followers stop fetching: they fall behind, and drop out of the ISR after replica.lag.time.max.ms. */
  pauseReplication(): void
  resumeReplication(): void
}

export interface BrokerSurroundings {
  readonly controller: Controller
  readonly listeners: Listeners
  /** True once the cluster closes. */
  isClosed(): boolean
  /** All that brokers have to read is read one turn later. */
  turn(): Promise<void>
}

export function testBroker(broker: Broker, { controller, listeners, isClosed, turn }: BrokerSurroundings): TestBroker {
  const { id, replicas } = broker
  const kill = async ({ fsync = 'all' }: KillOptions = {}) => {
    if (!broker.isUp) return
    controller.brokerLost(id)
    await broker.kill()
    for (const { log } of replicas.replicas()) {
      if (fsync === 'none') log.loseUnflushed()
      else log.flush()
    }
  }
  const shutdown = async () => {
    if (!broker.isUp) return
    controller.beginShutdown(id)
    // This broker and the new leaders read of it; what is held here is answered.
    await turn()
    await turn()
    await broker.kill()
    for (const { log } of replicas.replicas()) log.flush()
    controller.endShutdown(id)
    await turn()
  }
  const restart = ({ wipe = false }: RestartOptions = {}) => {
    if (isClosed()) return Promise.reject(new Error('the cluster is closed'))
    if (wipe && !broker.isUp) replicas.wipe()
    return broker.start()
  }
  return {
    id,
    rack: broker.rack,
    get host() {
      return listeners.addressOf(id)?.host ?? ''
    },
    get port() {
      return listeners.addressOf(id)?.port ?? -1
    },
    get isUp() {
      return broker.isUp
    },
    get isPaused() {
      return broker.isPaused
    },
    get connectionCount() {
      return broker.connectionCount
    },
    kill,
    shutdown,
    restart,
    pause: () => {
      if (!broker.isUp || broker.isPaused) return
      broker.pause()
      controller.brokerLost(id)
    },
    resume: () => broker.resume(),
    slow: (delayMs) => {
      broker.delayMs = delayMs
    },
    fillDisk: () => {
      replicas.isDiskFull = true
    },
    freeDisk: () => {
      replicas.isDiskFull = false
    },
    pauseReplication: () => replicas.pauseFetching(),
    resumeReplication: () => replicas.resumeFetching(),
  }
}
