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

/** A member of a classic group, with the requests of it that are held. */
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
  /** A member that has not completed a join yet: its held join does not keep it alive. */
  isNew = false
  /** Answers the held JoinGroup. */
  awaitingJoin: ((response: JoinGroupResponse) => void) | undefined
  /** Answers the held SyncGroup. */
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

  /** A held request stands for a heartbeat, but not that of a new member: its client may be gone without a trace. */
  hasSatisfiedHeartbeat(): boolean {
    return !this.isNew && (this.awaitingJoin !== undefined || this.awaitingSync !== undefined)
  }

  metadata(protocolName: string | null): Uint8Array {
    return this.protocols.find((protocol) => protocol.name === protocolName)?.metadata ?? NO_BYTES
  }

  /** The same protocols in the same order with the same bytes. */
  matches(protocols: readonly MemberProtocol[]): boolean {
    return (
      protocols.length === this.protocols.length &&
      protocols.every((protocol, i) => {
        const own = this.protocols[i]
        return own !== undefined && own.name === protocol.name && equalBytes(own.metadata, protocol.metadata)
      })
    )
  }

  /** The first of its protocols, in its own order, that all members support. */
  vote(candidates: ReadonlySet<string>): string {
    const choice = this.protocols.find((protocol) => candidates.has(protocol.name))
    if (choice === undefined) throw new Error(`member ${this.memberId} supports none of the candidate protocols`)
    return choice.name
  }
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
