import {
  type Decoded,
  type Encodable,
  type ErrorName,
  errorCode,
  type Heartbeat,
  type JoinGroup,
  type LeaveGroup,
  type SyncGroup,
} from '@ottla/codec'

// The requests of the classic protocol. Members of a consumer group may still use it, so both kinds serve them.

export type JoinGroupBody = Decoded<typeof JoinGroup.request>
export type JoinGroupResponse = Encodable<typeof JoinGroup.response>
export type SyncGroupBody = Decoded<typeof SyncGroup.request>
export type SyncGroupResponse = Encodable<typeof SyncGroup.response>
export type ClassicHeartbeatBody = Decoded<typeof Heartbeat.request>
export type LeavingMember = Decoded<typeof LeaveGroup.request>['members'][number]
export type LeaveResult = NonNullable<Encodable<typeof LeaveGroup.response>['members']>[number]

/** The client that sends a request on behalf of a member. */
export interface MemberClient {
  readonly clientId: string
  /** As Kafka shows it: `/127.0.0.1`. */
  readonly clientHost: string
  readonly apiVersion: number
}

/** A protocol that a member supports, with its subscription in that protocol. */
export interface MemberProtocol {
  readonly name: string
  readonly metadata: Uint8Array
}

export const NO_BYTES: Uint8Array = new Uint8Array(0)

/** Copies the protocols of a request, whose bytes are in the connection's buffer. */
export function copyProtocols(body: JoinGroupBody): MemberProtocol[] {
  return body.protocols.map(({ name, metadata }) => ({ name, metadata: new Uint8Array(metadata) }))
}

/** A JoinGroup response that carries only an error. */
export function joinError(error: ErrorName, memberId: string): JoinGroupResponse {
  return { errorCode: errorCode(error), protocolName: null, leader: '', memberId, members: [] }
}

export function syncError(error: ErrorName): SyncGroupResponse {
  return { errorCode: errorCode(error), assignment: NO_BYTES }
}
