import { retryBackoffMs } from '../../cluster/retry-backoff.ts'
import { type GroupIdentity, sameMember } from '../../group/membership.ts'
import type { CommitCluster, CommitHost } from './commit-host.ts'
import type { Sendable } from './commit-queue.ts'

/** When commits can be sent: not while the group rebalances, nor right after the coordinator failed. */
export class CommitGate {
  readonly #cluster: CommitCluster
  readonly #host: CommitHost
  /** The coordinator rejected this identity: commits wait for the end of the rebalance. */
  #heldFor: GroupIdentity | undefined
  /** Of the coordinator, in sequence. */
  #failures = 0
  #resumeAtMs = 0
  /** The member leaves: commits no longer wait for the end of a rebalance. */
  isDraining = false

  constructor(cluster: CommitCluster, host: CommitHost) {
    this.#cluster = cluster
    this.#host = host
  }

  /** Nothing is sent before, on `monoNow`. */
  get resumeAtMs(): number {
    return this.#resumeAtMs
  }

  /** Until a join completes, the coordinator may still accept the identity of before: only what cannot wait tries that. */
  sendable(): Sendable {
    const identity = this.#host.identity()
    const isStable = this.#host.isStable()
    if (this.#heldFor !== undefined && !sameMember(this.#heldFor, identity)) this.#heldFor = undefined
    if (isStable && this.#heldFor === undefined) return () => true
    if (!isStable && identity.generation < 0) return () => false
    return this.isDraining ? () => true : (entry) => entry.isPressing
  }

  hold(identity: GroupIdentity): void {
    this.#heldFor = identity
  }

  release(): void {
    this.#heldFor = undefined
  }

  backOff(): void {
    this.#failures++
    this.#resumeAtMs = this.#cluster.runtime.monoNow() + retryBackoffMs(this.#cluster, this.#failures)
  }

  succeeded(): void {
    this.#failures = 0
  }
}
