import { AsyncLocalStorage } from 'node:async_hooks'

const runs = new AsyncLocalStorage<object>()

/** Runs `work` so that `isInside` recognises everything that it calls, also asynchronously. */
export function runInside<T>(run: object, work: () => Promise<T>): Promise<T> {
  return runs.run(run, work)
}

/** Whether the caller is a handler of this run, which must not be waited for: it waits for the caller. */
export function isInside(run: object | undefined): boolean {
  return run !== undefined && runs.getStore() === run
}
