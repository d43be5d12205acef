import {
  type JoinGroupResponse,
  type MemberProtocol,
  NO_BYTES,
  type SyncGroupResponse,
} from '../coordinators/classic-protocol.ts'

export interface MemberOptions {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly sessionTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly MemberProtocol[]
  readonly assignment?: Uint8Array
}

/** A member of a classic group, with its held requests. */
export class GroupMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly protocolType: string
  rebalanceTimeoutMs: number
  sessionTimeoutMs: number
  protocols: readonly MemberProtocol[]
  assignment: Uint8Array
  /** It has not completed a join yet. Its held join does not count as a heartbeat. */
  isNew = false
  /** Completes the held JoinGroup. */
  awaitingJoin: ((response: JoinGroupResponse) => void) | undefined
  /** Completes the held SyncGroup. */
  awaitingSync: ((response: SyncGroupResponse) => void) | undefined

  constructor(options: MemberOptions) {
    this.memberId = options.memberId
    this.groupInstanceId = options.groupInstanceId
    this.clientId = options.clientId
    this.clientHost = options.clientHost
    this.protocolType = options.protocolType
    this.rebalanceTimeoutMs = options.rebalanceTimeoutMs
    this.sessionTimeoutMs = options.sessionTimeoutMs
    this.protocols = options.protocols
    this.assignment = options.assignment ?? NO_BYTES
  }

  /** A held request counts as a heartbeat, except for a new member, whose client may have disconnected unnoticed. */
  hasSatisfiedHeartbeat(): boolean {
    return !this.isNew && (this.awaitingJoin !== undefined || this.awaitingSync !== undefined)
  }

  metadata(protocolName: string | null): Uint8Array {
    return this.protocols.find((protocol) => protocol.name === protocolName)?.metadata ?? NO_BYTES
  }

  /** True for the same protocols in the same order with the same metadata. */
  matches(protocols: readonly MemberProtocol[]): boolean {
    return (
      protocols.length === this.protocols.length &&
      protocols.every((protocol, i) => {
        const own = this.protocols[i]
        return own !== undefined && own.name === protocol.name && equalBytes(own.metadata, protocol.metadata)
      })
    )
  }

  /** The first of its protocols that all members support. */
  vote(candidates: ReadonlySet<string>): string {
    const choice = this.protocols.find((protocol) => candidates.has(protocol.name))
    if (choice === undefined) throw new Error(`Member '${this.memberId}' supports none of the candidate protocols`)
    return choice.name
  }
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
