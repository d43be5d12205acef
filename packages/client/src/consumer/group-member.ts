import { type GroupIdentity, type Membership, type MembershipState, sameMember } from '../group/membership.ts'

export interface LeaveOptions {
  readonly timeoutMs: number
  readonly reason: string
  /** A static member leaves too. */
  readonly always?: boolean
}

/** The consumer as a member of its group. It may leave while nothing reads, and join again with the next reader. */
export class GroupMember {
  readonly #create: () => Membership
  readonly #nowMs: () => number
  #membership: Membership | undefined
  #leaving: Promise<void> = Promise.resolve()
  #isPresent = false
  /** As of the last assignment. */
  #settled: GroupIdentity | undefined
  /** Since when the member has no assignment, on `monoNow`. */
  #unstableSinceMs: number

  constructor(create: () => Membership, nowMs: () => number) {
    this.#create = create
    this.#nowMs = nowMs
    this.#unstableSinceMs = nowMs()
  }

  get state(): MembershipState {
    return this.#membership?.state ?? 'unjoined'
  }

  get identity(): GroupIdentity | undefined {
    return this.#membership?.identity
  }

  /**
   * Whether the coordinator accepts the identity only for partitions that this member has: it has an assignment, or has not joined
   * for the next one yet.
   */
  get isSettled(): boolean {
    const identity = this.identity
    if (identity === undefined) return false
    return this.state === 'stable' || (this.#settled !== undefined && sameMember(identity, this.#settled))
  }

  /** The member has its assignment. */
  settled(): void {
    this.#settled = this.identity
  }

  /** How long the member has tried to get an assignment. */
  get unstableMs(): number {
    const isStable = !this.#isPresent || this.state === 'stable'
    if (isStable) this.#unstableSinceMs = this.#nowMs()
    return this.#nowMs() - this.#unstableSinceMs
  }

  get membership(): Membership | undefined {
    return this.#isPresent ? this.#membership : undefined
  }

  /** Joins the group, after the member has left it if that is still in progress. */
  join(): void {
    if (this.#isPresent) return
    this.#isPresent = true
    this.#unstableSinceMs = this.#nowMs()
    void this.#leaving.then(() => {
      if (!this.#isPresent) return
      this.#membership = this.#create()
      this.#membership.start()
    })
  }

  /** Never rejects. */
  leave(options: LeaveOptions): Promise<void> {
    if (this.#isPresent) {
      this.#isPresent = false
      this.#leaving = this.#leaving.then(() => this.#membership?.leave(options))
    }
    return this.#leaving
  }
}
