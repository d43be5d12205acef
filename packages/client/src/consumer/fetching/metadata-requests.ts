import { retryBackoffMs } from '../../cluster/retry-backoff.ts'
import { WakeUp } from '../../runtime/wait.ts'
import type { SourceCluster } from './source-host.ts'

/**
 * Refreshes the metadata for partitions that cannot be fetched: one refresh at a time for all of them, and further ones with growing
 * pauses while any of them has nowhere to be fetched from.
 */
export class MetadataRequests {
  readonly #cluster: Pick<SourceCluster, 'runtime' | 'options' | 'refreshMetadata'>
  /** Applies what a refresh brought; `isLatest`: it began after the last request. True: it was not enough. */
  readonly #refreshed: (isLatest: () => boolean) => Promise<boolean>
  readonly #stop = new AbortController()
  readonly #topics = new Set<string>()
  /** Topics that a refresh did not help: they are part of the next ones. */
  readonly #open = new Set<string>()
  #wake = new WakeUp()
  #reason = ''
  #requested = false
  #running = false

  constructor(
    cluster: Pick<SourceCluster, 'runtime' | 'options' | 'refreshMetadata'>,
    refreshed: (isLatest: () => boolean) => Promise<boolean>,
  ) {
    this.#cluster = cluster
    this.#refreshed = refreshed
  }

  /** A partition of the topic has nowhere to be fetched from. Further requests for it follow by themselves. */
  need(topic: string): void {
    if (!this.#open.has(topic)) this.request('no leader', topic)
    this.#open.add(topic)
  }

  /** The metadata of the topic is wrong, or that of the brokers: it is refreshed without a pause. */
  request(reason: string, topic: string | undefined): void {
    if (this.#stop.signal.aborted) return
    if (topic !== undefined) this.#topics.add(topic)
    this.#reason = reason
    this.#requested = true
    this.#wake.wake()
    if (!this.#running) void this.#run()
  }

  close(): void {
    this.#stop.abort(new Error('fetching stopped'))
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    this.#running = true
    let attempts = 0
    let isOpen = false
    // Partitions usually fail together.
    await Promise.resolve()
    while (!signal.aborted && (this.#requested || isOpen)) {
      if (!this.#requested) await this.#pause(++attempts)
      if (signal.aborted) break
      isOpen = await this.#refresh()
      if (isOpen) continue
      attempts = 0
      this.#open.clear()
    }
    this.#running = false
  }

  async #refresh(): Promise<boolean> {
    const topics = [...new Set([...this.#topics, ...this.#open])]
    this.#topics.clear()
    this.#requested = false
    try {
      await this.#cluster.refreshMetadata(this.#reason, topics, { signal: this.#stop.signal })
    } catch {
      // No broker responded: it is repeated.
      for (const topic of topics) this.#open.add(topic)
      return true
    }
    return !this.#stop.signal.aborted && (await this.#refreshed(() => !this.#requested))
  }

  /** Ends early with a new request. */
  async #pause(attempts: number): Promise<void> {
    const { runtime } = this.#cluster
    this.#wake = new WakeUp()
    const timer = runtime.setTimer(() => this.#wake.wake(), retryBackoffMs(this.#cluster, attempts))
    await this.#wake.wait(this.#stop.signal).catch(() => {})
    runtime.clearTimer(timer)
  }
}
