import type { Api, Decoded, ErrorName } from '@ottla/codec'
import type { Duration } from '../runtime/clock.ts'

type Codec = typeof import('@ottla/codec')

/** Kafka's names of the requests, as the codec exports them. */
export type ApiName = { [K in keyof Codec]: Codec[K] extends Api ? K : never }[keyof Codec]

/** The decoded request of an API. */
export type RequestOf<A extends ApiName> = Codec[A] extends Api ? Decoded<Codec[A]['request']> : never

/** Which requests: all that is given must fit. */
export interface RequestMatch<A extends ApiName = ApiName> {
  readonly api?: A
  readonly version?: number
  /** The broker that is asked. */
  readonly node?: number
  /** The client id. */
  readonly client?: string
  /** Also where the request names the topic by its id. */
  readonly topic?: string
  readonly partition?: number
  readonly group?: string
  readonly transactionalId?: string
}

export interface FaultMatch<A extends ApiName = ApiName> extends RequestMatch<A> {
  /** Only in process: a look at the whole request. */
  readonly when?: (request: RequestOf<A>) => boolean
}

/** Which of the matching requests. All that is given must hold. */
export type FaultTrigger =
  | 'once'
  | 'always'
  | {
      /** From the nth matching request on; that one alone unless `times` says more. */
      readonly nth?: number
      readonly times?: number
      /** From 0 to 1, drawn from the cluster's random. */
      readonly probability?: number
      /** No more once this much of the cluster's time has passed since the rule was added. */
      readonly until?: Duration
    }

/** What happens to the request. */
export type FaultAction =
  /** The entities that match fail and nothing is done for them; the rest of the request is served. */
  | { readonly error: ErrorName }
  /** The work is done, and the answer says that it failed: a lost acknowledgement. */
  | { readonly errorAfterWork: ErrorName }
  /** It is served that much later; the connection waits, as with a slow broker. */
  | { readonly delay: Duration }
  /** The answer carries the throttle time, and the connection is not read for that long (KIP-219). */
  | { readonly throttle: Duration }
  /** Only that many bytes of the answer are written, then the connection closes. */
  | { readonly truncateTo: number }
  /** That many bytes of chance come in place of the answer. */
  | { readonly garbage: number }
  /** The answer comes in pieces of that many bytes, each in a turn of its own. */
  | { readonly chunks: number }
  /** The answer comes a little at a time, the last of it after that long. */
  | { readonly drip: Duration }
  /** The answer carries a correlation id that nobody asked with. */
  | 'wrongCorrelationId'
  /** The answer comes, and then comes again. */
  | 'respondTwice'
  /** The work is done, the answer is never written. */
  | 'dropResponse'
  /** The connection closes before any work. */
  | 'close'
  /** The connection closes after the work, without an answer. */
  | 'closeAfterWork'
  /** Fetch: the records arrive damaged. Produce: the broker gets them damaged. */
  | 'corruptCrc'
  /** The broker answers from the metadata of the time when the rule was added. */
  | 'staleMetadata'
  /** Nothing is done and nothing answered; the connection stays open. */
  | 'hang'

/** One rule. Without `when` it is plain JSON. */
export interface FaultRule<A extends ApiName = ApiName> {
  readonly match: FaultMatch<A>
  /** Default: once. */
  readonly trigger?: FaultTrigger
  readonly action: FaultAction
}
