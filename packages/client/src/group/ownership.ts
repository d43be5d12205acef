import type { KafkaError } from '../errors.ts'
import type { HookQueue } from './hook-queue.ts'
import { type MembershipListener, type TopicPartition, without } from './membership.ts'

type Listener = Pick<MembershipListener, 'onAssigned' | 'onRevoked' | 'onLost' | 'beforeJoin' | 'lost'>

/** The partitions that the member owns, and the hooks that follow from each change of them. */
export class Ownership {
  readonly #listener: Listener
  readonly #hooks: HookQueue
  readonly #onFailure: (error: unknown) => void
  #owned: readonly TopicPartition[] = []
  /** The partitions of the last assignment; unlike `#owned` kept while an eager member joins without any. */
  #held: readonly TopicPartition[] = []

  /** `onFailure`: the listener itself failed after a loss, where no caller waits for the hook. */
  constructor(listener: Listener, hooks: HookQueue, onFailure: (error: unknown) => void) {
    this.#listener = listener
    this.#hooks = hooks
    this.#onFailure = onFailure
  }

  get owned(): readonly TopicPartition[] {
    return this.#owned
  }

  /** Before a join an eager member gives up all its partitions, a cooperative one those it no longer subscribes to. */
  async prepare(topics: readonly string[], cooperative: boolean): Promise<void> {
    const subscribed = new Set(topics)
    const revoked = cooperative ? this.#owned.filter(({ topic }) => !subscribed.has(topic)) : this.#owned
    if (revoked.length > 0) await this.revoke(revoked)
    if (this.#owned.length > 0) await this.#hooks.run('beforeJoin', (signal) => this.#listener.beforeJoin(signal))
  }

  /** Owned until the hook has ended: a loss meanwhile concerns them too. */
  async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    await this.#hooks.run('onRevoked', (signal) => this.#listener.onRevoked(partitions, signal))
    this.#owned = without(this.#owned, partitions)
  }

  /** Owned from when the hook begins. Returns how the assignment differs from the last one. */
  async assign(assigned: readonly TopicPartition[]): Promise<{ added: TopicPartition[]; revoked: TopicPartition[] }> {
    const fresh = without(assigned, this.#owned)
    await this.#hooks.run('onAssigned', (signal) => {
      this.#owned = assigned
      return this.#listener.onAssigned(fresh, signal)
    })
    const before = this.#held
    this.#held = this.#owned
    return { added: without(assigned, before), revoked: without(before, assigned) }
  }

  /** The partitions may be another member's: the listener is informed immediately, its hook follows. */
  lose(reason: KafkaError): void {
    const lost = this.#owned
    this.#owned = []
    this.#held = []
    if (lost.length === 0) return
    this.#hooks.supersede(reason)
    void this.#hooks.run('onLost', (signal) => this.#listener.onLost(lost, signal)).catch(this.#onFailure)
    try {
      this.#listener.lost(lost)
    } catch (error) {
      this.#onFailure(error)
    }
  }

  /** Gives up everything before the member leaves. */
  async release(): Promise<void> {
    if (this.#owned.length > 0) await this.revoke(this.#owned)
    await this.#hooks.idle()
  }
}
