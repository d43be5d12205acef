import type { ErrorName } from '@ottla/codec'
import type { ApiName, RequestOf } from '../messages/api-name.ts'
import type { EntityMatch } from '../messages/entity-match.ts'
import type { ErrorLevel } from '../messages/places.ts'
import type { Duration } from '../runtime/clock.ts'
/** Selects requests: every given field must match. */
export interface RequestMatch<A extends ApiName = ApiName> extends EntityMatch {
  readonly api?: A
  readonly version?: number
  /** The id of the broker that receives the request. */
  readonly node?: number
  /** The client id. */
  readonly client?: string
}

export interface FaultMatch<A extends ApiName = ApiName> extends RequestMatch<A> {
  /** In process only: a predicate on the whole request. */
  readonly when?: (request: RequestOf<A>) => boolean
}

/** Selects among the matching requests. Every given field must hold. */
export type FaultTrigger =
  | 'once'
  | 'always'
  | {
      /** From the nth matching request on; only that one unless `times` is given. */
      readonly nth?: number
      readonly times?: number
      /** Above 0 and at most 1, drawn from the cluster's randomness. */
      readonly probability?: number
      /** The rule ends this long after it was added, in the cluster's time. */
      readonly until?: Duration
    }

/** The effect on the request. */
export type FaultAction =
  /** The matching entities fail without being handled; the rest of the request is handled. */
  | { readonly error: ErrorName; readonly at?: ErrorLevel }
  /** The request is handled, but the response reports a failure: a lost acknowledgement. */
  | { readonly errorAfterWork: ErrorName; readonly at?: ErrorLevel }
  /** The request is handled this much later; its connection waits, as with a slow broker. */
  | { readonly delay: Duration }
  /** The response carries this throttle time, and the connection is muted for that long (KIP-219). */
  | { readonly throttle: Duration }
  /** Only this many bytes of the response are written, then the connection closes. */
  | { readonly truncateTo: number }
  /** This many random bytes instead of the response. */
  | { readonly garbage: number }
  /** The response arrives in pieces of this many bytes, each in its own turn. */
  | { readonly chunks: number }
  /** The response arrives slowly, spread over this time. */
  | { readonly drip: Duration }
  /** The response has a correlation id of no request. */
  | 'wrongCorrelationId'
  /** The response is written twice. */
  | 'respondTwice'
  /** The request is handled, the response is never written. */
  | 'dropResponse'
  /** The connection closes, and the request is not handled. */
  | 'close'
  /** The request is handled, then the connection closes without a response. */
  | 'closeAfterWork'
  /** Fetch: the client receives corrupt records. Produce: the broker receives corrupt records. */
  | 'corruptCrc'
  /** The broker responds from the metadata at the time when the rule was added. */
  | 'staleMetadata'
  /** The request is not handled and gets no response; the connection stays open. */
  | 'hang'

/** One rule. Without `when` it is plain JSON. */
export interface FaultRule<A extends ApiName = ApiName> {
  readonly match: FaultMatch<A>
  /** Default: once. */
  readonly trigger?: FaultTrigger
  readonly action: FaultAction
}
