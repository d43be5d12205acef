import type { Api, Decoded, Encodable } from '@ottla/codec'
import type { Permissions } from '../authorization/permissions.ts'
import type { Broker } from '../broker.ts'
import type { ClusterContext } from '../cluster-context.ts'
import type { Connection } from '../connection.ts'
import type { Held } from '../state/held.ts'

/** What a handler knows beside the request. */
export interface HandlerContext {
  /** The node that was asked. */
  readonly broker: Broker
  readonly cluster: ClusterContext
  readonly connection: Connection
  readonly clientId: string | null
  /** The client's address, as group descriptions show it: `/127.0.0.1`. */
  readonly clientHost: string
  readonly apiVersion: number
  /** `User:alice`; `User:ANONYMOUS` on a listener without authentication. */
  readonly principal: string
  /** What the client may do; `authorization/` has asked already for what is in its table. */
  readonly permissions: Permissions
  /** Wall time in ms. */
  now(): number
}

/** No answer is written (acks=0). */
export const noResponse = Symbol('no response')
/** The connection closes without an answer. */
export const closeConnection = Symbol('close the connection')

export type Reply<R> =
  | R
  | Held<R>
  | Held<R | typeof closeConnection>
  | Held<R | typeof closeConnection | typeof noResponse>
  | typeof noResponse
  | typeof closeConnection

/** Answers one API in all versions it is advertised in. Synchronous: what must wait returns a `Held`. */
export type Handler<A extends Api> = (
  context: HandlerContext,
  request: Decoded<A['request']>,
) => Reply<Encodable<A['response']>>

/** A row of the table of handlers. */
export interface HandlerEntry {
  readonly api: Api
  /** What ApiVersions advertises. */
  readonly minVersion: number
  readonly maxVersion: number
  readonly handle: (context: HandlerContext, request: never) => Reply<unknown>
}

/** One row of the table, with the handler checked against the messages of its API. */
export function serves<A extends Api>(
  api: A,
  versions: { readonly min: number; readonly max: number },
  handle: Handler<A>,
): HandlerEntry {
  return { api, minVersion: versions.min, maxVersion: versions.max, handle }
}
