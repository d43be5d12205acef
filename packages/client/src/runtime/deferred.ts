/** A promise with the functions that settle it. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}

/** Marks the result of an application's function as handled: where none is expected, it may be a promise that rejects. */
export function handledResult(result: unknown, failed: (error: unknown) => void = () => {}): void {
  if (typeof result !== 'object' || result === null || !('then' in result)) return
  Promise.resolve(result).catch(failed)
}

/** Marks a promise as handled: it may reject before anything awaits it, and that must not end the process. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
