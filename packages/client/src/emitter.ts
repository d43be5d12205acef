import { errorFields, type Logger } from './logger.ts'
import { handledResult } from './runtime/deferred.ts'

/** The listener of each event. */
type Listeners<M> = { readonly [E in keyof M]: (event: never) => void }

interface Registered<L> {
  readonly listener: L
  readonly once: boolean
}

/** Typed events. A listener that throws, or whose promise rejects, is logged, and affects neither the others nor the emitter. */
export class Emitter<M extends Listeners<M>> {
  readonly #logger: Logger
  readonly #listeners = new Map<keyof M, readonly Registered<M[keyof M]>[]>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  on<E extends keyof M>(event: E, listener: M[E]): void {
    this.#add(event, { listener, once: false })
  }

  /** Calls the listener at the next event only. */
  once<E extends keyof M>(event: E, listener: M[E]): void {
    this.#add(event, { listener, once: true })
  }

  /** Removes a listener, also one of `once`, as often as it was added. */
  off<E extends keyof M>(event: E, listener: M[E]): void {
    this.#keep(event, (registered) => registered.listener !== listener)
  }

  hasListeners(event: keyof M): boolean {
    return this.#listeners.has(event)
  }

  emit<E extends keyof M>(event: E, ...data: Parameters<M[E]>): void {
    const listeners = this.#listeners.get(event)
    if (listeners === undefined) return
    for (const registered of listeners) {
      if (registered.once) this.#keep(event, (other) => other !== registered)
      callSafely(this.#logger, 'an event listener threw', { event: String(event) }, () =>
        (registered.listener as (...given: Parameters<M[E]>) => unknown)(...data),
      )
    }
  }

  removeAll(): void {
    this.#listeners.clear()
  }

  #add(event: keyof M, registered: Registered<M[keyof M]>): void {
    // A list is replaced, not changed: `emit` may be iterating over it.
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), registered])
  }

  #keep(event: keyof M, keeps: (registered: Registered<M[keyof M]>) => boolean): void {
    const left = (this.#listeners.get(event) ?? []).filter(keeps)
    if (left.length === 0) this.#listeners.delete(event)
    else this.#listeners.set(event, left)
  }
}

/** Calls a function of the application whose failure must not matter: an exception, or the rejection of its promise, is logged. */
export function callSafely(
  logger: Logger,
  message: string,
  fields: Readonly<Record<string, string>>,
  call: () => unknown,
): void {
  const failed = (error: unknown) => logger.error(message, { ...fields, ...errorFields(error) })
  try {
    handledResult(call(), failed)
  } catch (error) {
    failed(error)
  }
}
