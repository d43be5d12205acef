import { type Api, encodeRequest } from '@ottla/codec'
import type { RequestStarted } from '../diagnostics.ts'
import { textOf } from '../error-data.ts'
import { abortedError, KafkaError } from '../errors.ts'
import type { RequestTimes } from '../metrics/request-times.ts'
import { onAbort } from '../runtime/wait.ts'

export interface PendingOptions {
  readonly signal?: AbortSignal | undefined
  readonly minVersion?: number | undefined
  readonly maxVersion?: number | undefined
  readonly onFlushed?: (() => void) | undefined
  /** How long the connection may be silent; default: the client's `requestTimeoutMs`. */
  readonly silentMs?: number | undefined
}

/** Where the settlement of each request is reported, once. */
export interface SettlementObserver {
  settled(request: PendingRequest, responseBytes: number, error: KafkaError | undefined): void
}

/** A request from the call until its promise settles: by the response, a timeout, an abort, or the loss of the connection. */
export class PendingRequest {
  readonly api: Api
  /** A value, or a function of the negotiated version. */
  readonly body: unknown
  readonly options: PendingOptions
  /** False: the broker does not respond (acks=0), and the request is complete when its bytes are written. */
  readonly expectsResponse: boolean
  readonly times: RequestTimes
  readonly createdMs: number
  /** On `monoNow`. After the timeout of a written request: when its connection is considered dead. */
  dueMs: number
  version = -1
  correlationId = -1
  writtenMs = -1
  settled = false
  /** Since its write, while a subscriber of the diagnostics channels waits for its end. */
  published: RequestStarted | undefined
  readonly #observer: SettlementObserver
  #resolve: (value: never) => void
  #reject: (error: KafkaError) => void
  #release: (() => void) | undefined

  constructor(
    api: Api,
    body: unknown,
    options: PendingOptions,
    rest: {
      readonly expectsResponse: boolean
      readonly observer: SettlementObserver
      readonly times: RequestTimes
      readonly createdMs: number
      readonly dueMs: number
      readonly resolve: (value: never) => void
      readonly reject: (error: KafkaError) => void
    },
  ) {
    this.api = api
    this.body = body
    this.options = options
    this.expectsResponse = rest.expectsResponse
    this.#observer = rest.observer
    this.times = rest.times
    this.createdMs = rest.createdMs
    this.dueMs = rest.dueMs
    this.#resolve = rest.resolve
    this.#reject = rest.reject
    const { signal } = options
    if (signal !== undefined) {
      this.#release = onAbort(signal, () => this.fail(abortedError(api.name, signal, this.outcome)))
    }
  }

  /** Whether the broker may have acted on it. */
  get outcome(): 'not-written' | 'unknown' {
    return this.writtenMs < 0 ? 'not-written' : 'unknown'
  }

  /** `responseBytes` is 0 where no response is expected. */
  succeed(value: unknown, responseBytes: number): void {
    if (this.settled) return
    this.#settle(responseBytes, undefined)
    this.#resolve(value as never)
  }

  fail(error: KafkaError): void {
    if (this.settled) return
    this.#settle(0, error)
    this.#reject(error)
  }

  #settle(responseBytes: number, error: KafkaError | undefined): void {
    this.settled = true
    this.#release?.()
    this.#observer.settled(this, responseBytes, error)
  }
}

/** The bytes of the request in its version. */
export function encoded(
  { api, version, body }: PendingRequest,
  meta: { readonly correlationId: number; readonly clientId: string },
): Uint8Array[] {
  return encodeRequest(api, version, meta, typeof body === 'function' ? body(version) : body)
}

/** The body does not fit the version, or the function for it failed. */
export function unencodable(request: PendingRequest, cause: unknown): KafkaError {
  if (KafkaError.is(cause)) return cause
  const message = `${request.api.name} version ${request.version} cannot be encoded: ${textOf(cause)}`
  return new KafkaError('INVALID_ARGUMENT', message, { cause, outcome: 'not-written' })
}
