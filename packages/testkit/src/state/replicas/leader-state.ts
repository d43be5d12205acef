/** What the leader knows of one follower, from its fetches. */
export interface FollowerProgress {
  readonly id: number
  /** -1 until it fetched in this leader epoch. */
  logEndOffset: number
  logStartOffset: number
  lastFetchAtMs: number
  /** The leader's log end when it fetched last: being there by the next fetch is keeping up. */
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
  /** The log's end when the leadership began. */
  readonly epochStartOffset: number
  readonly nowMs: number
}

export interface IsrChange {
  readonly kind: 'expand' | 'shrink'
  readonly isr: readonly number[]
  /** The version of the partition that the change is made on. */
  readonly partitionEpoch: number
}

/** Time is monotonic; `lagMs` is replica.lag.time.max.ms. */
export interface LagRules {
  readonly nowMs: number
  readonly lagMs: number
  /** Registered and not fenced, as this broker knows. */
  readonly isEligible: (brokerId: number) => boolean
}

/** The leader's side of replication: how far followers are, who is in sync, how far the high watermark may go. */
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

  /** More replicas follow: the partition moves. True when there are new ones. Those that go end the leader's epoch. */
  addFollowers(replicas: readonly number[]): boolean {
    const added = replicas.filter((id) => id !== this.brokerId && this.follower(id) === undefined)
    const more = added.map((id) => newFollower(id, Number.NEGATIVE_INFINITY))
    if (added.length > 0) this.#followers = [...this.#followers, ...more]
    return added.length > 0
  }

  /** What the controller has agreed to. */
  get isr(): readonly number[] {
    return this.#isr
  }

  get partitionEpoch(): number {
    return this.#partitionEpoch
  }

  /** A change that the controller has not answered yet. */
  get pending(): IsrChange | undefined {
    return this.#pending
  }

  /** Until the controller agrees, whoever may be in the ISR counts: else records could be called committed that are not. */
  get maximalIsr(): readonly number[] {
    return this.#pending?.kind === 'expand' ? this.#pending.isr : this.#isr
  }

  follower(id: number): FollowerProgress | undefined {
    return this.followers.find((follower) => follower.id === id)
  }

  /** A follower fetches at `logEndOffset`: it has all before it. */
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
   * True when a broker that lives is not in sync. What a dead one had is forgotten: it says nothing of what it has when
   * it is back.
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

  /** min.insync.replicas, which cannot ask for more replicas than there are. */
  effectiveMinIsr(minInsyncReplicas: number): number {
    return Math.min(minInsyncReplicas, this.followers.length + 1)
  }

  isUnderMinIsr(minInsyncReplicas: number): boolean {
    return this.#isr.length < this.effectiveMinIsr(minInsyncReplicas)
  }

  /**
   * How far all have the log that must have it: the ISR, and followers that have caught up and are about to join it.
   * Stays where it is while too few are in sync, whatever acks the producers asked for.
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

  /** The change that lets a follower in; undefined while it may not. */
  expansionFor(follower: FollowerProgress, highWatermark: number, rules: LagRules): IsrChange | undefined {
    if (this.#pending !== undefined || this.#isr.includes(follower.id)) return undefined
    const hasAll = follower.logEndOffset >= highWatermark && follower.logEndOffset >= this.epochStartOffset
    if (!hasAll || !rules.isEligible(follower.id)) return undefined
    return { kind: 'expand', isr: [...this.#isr, follower.id], partitionEpoch: this.#partitionEpoch }
  }

  /** The change that drops whoever lags for too long; undefined when nobody does. */
  shrinkage(leaderEndOffset: number, rules: LagRules): IsrChange | undefined {
    if (this.#pending !== undefined) return undefined
    const lagging = this.followers.filter(
      (follower) => this.#isr.includes(follower.id) && !this.#isCaughtUp(follower, leaderEndOffset, rules),
    )
    if (lagging.length === 0) return undefined
    const isr = this.#isr.filter((id) => !lagging.some((follower) => follower.id === id))
    return { kind: 'shrink', isr, partitionEpoch: this.#partitionEpoch }
  }

  /** True when somebody of the ISR does not have all: only then there is something to watch. */
  hasLaggards(leaderEndOffset: number): boolean {
    return this.followers.some((follower) => follower.logEndOffset < leaderEndOffset && this.#isr.includes(follower.id))
  }

  /** The change was sent to the controller. */
  propose(change: IsrChange): void {
    this.#pending = change
  }

  /** What the controller decided; older news than what is known is ignored. True when the ISR is another now. */
  accept(isr: readonly number[], partitionEpoch: number): boolean {
    if (partitionEpoch <= this.#partitionEpoch) return false
    this.#isr = isr
    this.#partitionEpoch = partitionEpoch
    this.#pending = undefined
    return true
  }

  /** The controller refused: the ISR stays. */
  refuse(change: IsrChange): void {
    if (this.#pending === change) this.#pending = undefined
  }

  /** The lowest log start among followers that live, and the leader's. */
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
