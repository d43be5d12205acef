import type { Broker } from '../broker/broker.ts'
import type { Controller } from '../controllers/controller.ts'
import type { Listeners } from '../network/listeners.ts'

export interface KillOptions {
  /**
   * How much of the logs survives. `all` (default): the process dies, and the operating system still writes everything.
   * `none`: the machine dies, and unflushed records are lost (flush.messages, log.flush.interval.messages; full segments are
   * flushed).
   */
  readonly fsync?: 'all' | 'none'
}

export interface RestartOptions {
  /** Starts with an empty disk: the broker copies everything from the leaders. */
  readonly wipe?: boolean
}

/** The controls of one broker. */
export interface TestBroker {
  readonly id: number
  readonly rack: string | null
  readonly host: string
  readonly port: number
  readonly isUp: boolean
  readonly isPaused: boolean
  /** The number of connected clients. */
  readonly connectionCount: number
  /** The process dies; its partitions get new leaders after broker.session.timeout.ms. */
  kill(options?: KillOptions): Promise<void>
  /** Controlled shutdown: other brokers take over leadership first. Its logs are flushed. */
  shutdown(): Promise<void>
  /** Starts it again at the same address. Resolves when it has the metadata; its replicas catch up after that. */
  restart(options?: RestartOptions): Promise<void>
  /** The process hangs, as with SIGSTOP: connections stay open without responses, and its session expires. */
  pause(): void
  /** The process continues. Until it has applied the missed metadata, it briefly still believes it is the leader. */
  resume(): void
  /** Delays the handling of each client request; 0: no delay. */
  slow(delayMs: number): void
  /** Appends fail with KAFKA_STORAGE_ERROR, and its follower replicas fall behind. Reads continue. */
  fillDisk(): void
  freeDisk(): void
  /** Its follower replicas stop fetching: they fall behind, and leave the ISR after replica.lag.time.max.ms. */
  pauseReplication(): void
  resumeReplication(): void
}

export interface BrokerSurroundings {
  readonly controller: Controller
  readonly listeners: Listeners
  /** True once the cluster closes. */
  isClosed(): boolean
  /** Resolves when brokers have applied the metadata published so far. */
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
    // In these turns this broker and the new leaders apply the change, and held requests get their responses.
    await turn()
    await turn()
    await broker.kill()
    for (const { log } of replicas.replicas()) log.flush()
    controller.endShutdown(id)
    await turn()
  }
  const restart = ({ wipe = false }: RestartOptions = {}) => {
    if (isClosed()) return Promise.reject(new Error('The cluster is closed'))
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
      broker.requestDelayMs = delayMs
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
