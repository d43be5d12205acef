import type { Api, Decoded, Encodable } from '@ottla/codec'
import type { Broker } from '../broker/broker.ts'
import type { ClusterContext } from '../broker/cluster-context.ts'
import type { Connection } from '../connection/connection.ts'
import type { Permissions } from '../state/rights/permissions.ts'
import type { Reply } from './reply.ts'

/** What a handler gets besides the request. */
export interface HandlerContext {
  /** The node that received the request. */
  readonly broker: Broker
  /** Its `runtime` is the broker's. */
  readonly cluster: ClusterContext
  readonly connection: Connection
  readonly clientId: string | null
  /** The client's address in the form of group descriptions: `/127.0.0.1`. */
  readonly clientHost: string
  readonly apiVersion: number
  /** `User:alice`; `User:ANONYMOUS` on a listener without authentication. */
  readonly principal: string
  /** The client's rights. Those in the tables of `authorization/` are already checked. */
  readonly permissions: Permissions
  /** The APIs that the brokers advertise. */
  readonly advertised: readonly AdvertisedApi[]
  /** Wall time in ms. */
  now(): number
}

/** One API in an ApiVersions response. */
export interface AdvertisedApi {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

/** Handles one API in all advertised versions. Synchronous: a handler that must wait returns a `Held`. */
export type Handler<A extends Api> = (
  context: HandlerContext,
  request: Decoded<A['request']>,
) => Reply<Encodable<A['response']>>

/** An API with the versions that the brokers serve. */
export interface ServedApi {
  readonly api: Api
  readonly minVersion: number
  readonly maxVersion: number
}

/** A row of the table of handlers. */
export interface HandlerEntry extends ServedApi {
  readonly handle: (context: HandlerContext, request: never) => Reply<unknown>
}

/** A row of the table, with the handler checked against the messages of its API. */
export function serves<A extends Api>(
  api: A,
  versions: { readonly min: number; readonly max: number },
  handle: Handler<A>,
): HandlerEntry {
  return { api, minVersion: versions.min, maxVersion: versions.max, handle }
}
