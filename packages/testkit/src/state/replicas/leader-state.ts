/** One follower's progress, as its fetches show it to the leader. */
export interface FollowerProgress {
  readonly id: number
  /** -1 until its first fetch in this leader epoch. */
  logEndOffset: number
  logStartOffset: number
  lastFetchAtMs: number
  /** The leader's log end offset at the last fetch: a follower that reaches it by the next fetch is caught up. */
  leaderEndAtLastFetch: number
  /** Monotonic; -Infinity: never in this epoch. */
  lastCaughtUpAtMs: number
}

export interface LeaderInit {
  readonly brokerId: number
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  /** The log end offset when the leader epoch began. */
  readonly epochStartOffset: number
  readonly nowMs: number
}

export interface IsrChange {
  readonly kind: 'expand' | 'shrink'
  readonly isr: readonly number[]
  /** The partition epoch that the change is based on. */
  readonly partitionEpoch: number
}

/** Time is monotonic; `lagMs` is replica.lag.time.max.ms. */
export interface LagRules {
  readonly nowMs: number
  readonly lagMs: number
  /** Registered and not fenced, according to this broker's metadata. */
  readonly isEligible: (brokerId: number) => boolean
}

/** The leader's side of replication: follower progress, the ISR, and how far the high watermark may advance. */
export class LeaderState {
  readonly brokerId: number
  readonly leaderEpoch: number
  readonly epochStartOffset: number
  #followers: readonly FollowerProgress[]
  #partitionEpoch: number
  #isr: readonly number[]
  #pending: IsrChange | undefined

  constructor({ brokerId, leaderEpoch, partitionEpoch, replicas, isr, epochStartOffset, nowMs }: LeaderInit) {
    this.brokerId = brokerId
    this.leaderEpoch = leaderEpoch
    this.epochStartOffset = epochStartOffset
    this.#partitionEpoch = partitionEpoch
    this.#isr = isr
    this.#followers = replicas
      .filter((id) => id !== brokerId)
      .map((id) => newFollower(id, isr.includes(id) ? nowMs : Number.NEGATIVE_INFINITY))
  }

  get followers(): readonly FollowerProgress[] {
    return this.#followers
  }

  /** Adds replicas during a reassignment; true when there are new ones. (Removing replicas ends the leader epoch.) */
  addFollowers(replicas: readonly number[]): boolean {
    const added = replicas.filter((id) => id !== this.brokerId && this.follower(id) === undefined)
    const more = added.map((id) => newFollower(id, Number.NEGATIVE_INFINITY))
    if (added.length > 0) this.#followers = [...this.#followers, ...more]
    return added.length > 0
  }

  /** The ISR that the controller has confirmed. */
  get isr(): readonly number[] {
    return this.#isr
  }

  get partitionEpoch(): number {
    return this.#partitionEpoch
  }

  /** A proposed change without a response from the controller yet. */
  get pending(): IsrChange | undefined {
    return this.#pending
  }

  /** The ISR plus a replica of a pending expansion. Ignoring that replica could mark records as committed too early. */
  get maximalIsr(): readonly number[] {
    return this.#pending?.kind === 'expand' ? this.#pending.isr : this.#isr
  }

  follower(id: number): FollowerProgress | undefined {
    return this.followers.find((follower) => follower.id === id)
  }

  /** Notes a fetch at `logEndOffset`: the follower has every record before it. */
  noteFetch(
    follower: FollowerProgress,
    at: { readonly logEndOffset: number; readonly logStartOffset: number },
    leaderEndOffset: number,
    nowMs: number,
  ): void {
    if (at.logEndOffset >= leaderEndOffset) follower.lastCaughtUpAtMs = nowMs
    else if (at.logEndOffset >= follower.leaderEndAtLastFetch) {
      follower.lastCaughtUpAtMs = Math.max(follower.lastCaughtUpAtMs, follower.lastFetchAtMs)
    }
    follower.logEndOffset = at.logEndOffset
    follower.logStartOffset = at.logStartOffset
    follower.lastFetchAtMs = nowMs
    follower.leaderEndAtLastFetch = leaderEndOffset
  }

  /**
   * True when a live broker is not in sync. The progress of a dead broker is reset: after a restart it may have fewer
   * records.
   */
  mayGrow({ isEligible }: LagRules): boolean {
    let mayGrow = false
    for (const follower of this.followers) {
      if (this.#isr.includes(follower.id)) continue
      mayGrow ||= isEligible(follower.id)
      if (isEligible(follower.id)) continue
      follower.logEndOffset = -1
      follower.lastCaughtUpAtMs = Number.NEGATIVE_INFINITY
      follower.lastFetchAtMs = Number.NEGATIVE_INFINITY
    }
    return mayGrow
  }

  /** min.insync.replicas, limited to the number of replicas. */
  effectiveMinIsr(minInsyncReplicas: number): number {
    return Math.min(minInsyncReplicas, this.followers.length + 1)
  }

  isUnderMinIsr(minInsyncReplicas: number): boolean {
    return this.#isr.length < this.effectiveMinIsr(minInsyncReplicas)
  }

  /**
   * The lowest log end offset of the ISR and of caught-up followers that are about to join it. -1 (no advance) while too few
   * replicas are in sync, regardless of the producers' acks.
   */
  highWatermarkCandidate(leaderEndOffset: number, minInsyncReplicas: number, rules: LagRules): number {
    if (this.isUnderMinIsr(minInsyncReplicas)) return -1
    const isr = this.maximalIsr
    let candidate = leaderEndOffset
    for (const follower of this.followers) {
      if (follower.logEndOffset >= candidate) continue
      const counts = isr.includes(follower.id) || this.#isAboutToJoin(follower, leaderEndOffset, rules)
      if (counts) candidate = follower.logEndOffset
    }
    return candidate
  }

  /** The change that adds a follower to the ISR; undefined while it may not join. */
  expansionFor(follower: FollowerProgress, highWatermark: number, rules: LagRules): IsrChange | undefined {
    if (this.#pending !== undefined || this.#isr.includes(follower.id)) return undefined
    const hasAll = follower.logEndOffset >= highWatermark && follower.logEndOffset >= this.epochStartOffset
    if (!hasAll || !rules.isEligible(follower.id)) return undefined
    return { kind: 'expand', isr: [...this.#isr, follower.id], partitionEpoch: this.#partitionEpoch }
  }

  /** The change that removes followers that lag for too long; undefined when none does. */
  shrinkage(leaderEndOffset: number, rules: LagRules): IsrChange | undefined {
    if (this.#pending !== undefined) return undefined
    const lagging = this.followers.filter(
      (follower) => this.#isr.includes(follower.id) && !this.#isCaughtUp(follower, leaderEndOffset, rules),
    )
    if (lagging.length === 0) return undefined
    const isr = this.#isr.filter((id) => !lagging.some((follower) => follower.id === id))
    return { kind: 'shrink', isr, partitionEpoch: this.#partitionEpoch }
  }

  /** True when a replica of the ISR is behind the log end: only then the ISR has to be watched. */
  hasLaggards(leaderEndOffset: number): boolean {
    return this.followers.some((follower) => follower.logEndOffset < leaderEndOffset && this.#isr.includes(follower.id))
  }

  /** The change was sent to the controller. */
  propose(change: IsrChange): void {
    this.#pending = change
  }

  /** Applies the controller's decision; an older partition epoch is ignored. True when the ISR changed. */
  accept(isr: readonly number[], partitionEpoch: number): boolean {
    if (partitionEpoch <= this.#partitionEpoch) return false
    this.#isr = isr
    this.#partitionEpoch = partitionEpoch
    this.#pending = undefined
    return true
  }

  /** The controller refused the change: the ISR is unchanged. */
  refuse(change: IsrChange): void {
    if (this.#pending === change) this.#pending = undefined
  }

  /** The lowest log start offset of the leader and the live followers. */
  lowWatermark(leaderLogStart: number, isAlive: (brokerId: number) => boolean): number {
    let low = leaderLogStart
    for (const { id, logStartOffset } of this.followers) if (isAlive(id)) low = Math.min(low, logStartOffset)
    return low
  }

  #isAboutToJoin(follower: FollowerProgress, leaderEndOffset: number, rules: LagRules): boolean {
    return this.#isCaughtUp(follower, leaderEndOffset, rules) && rules.isEligible(follower.id)
  }

  #isCaughtUp(follower: FollowerProgress, leaderEndOffset: number, { nowMs, lagMs }: LagRules): boolean {
    return follower.logEndOffset === leaderEndOffset || nowMs - follower.lastCaughtUpAtMs <= lagMs
  }
}

function newFollower(id: number, lastCaughtUpAtMs: number): FollowerProgress {
  return {
    id,
    logEndOffset: -1,
    logStartOffset: -1,
    lastFetchAtMs: Number.NEGATIVE_INFINITY,
    leaderEndAtLastFetch: -1,
    lastCaughtUpAtMs,
  }
}
