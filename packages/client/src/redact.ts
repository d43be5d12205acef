const inspectSymbol: unique symbol = Symbol.for('nodejs.util.inspect.custom')

/** A secret that no log, inspection or JSON shows. */
export class Secret<T> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  /** The value. Call it only where the secret is used, and do not store the result. */
  reveal(): T {
    return this.#value
  }

  toString(): string {
    return '[redacted]'
  }

  toJSON(): string {
    return '[redacted]'
  }

  [inspectSymbol](): string {
    return '[redacted]'
  }
}

/** Makes inspection and JSON of an object show only what `show` returns: an allow-list, so that a later secret is hidden too. */
export function showOnly<T extends object>(target: T, show: () => unknown): T {
  Object.defineProperty(target, inspectSymbol, { value: show, enumerable: false })
  Object.defineProperty(target, 'toJSON', { value: show, enumerable: false })
  return target
}
