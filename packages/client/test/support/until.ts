import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until `condition` returns neither `undefined` nor `false`, and returns its value. Rejects with what it waited for. */
export async function until<T>(
  what: string | (() => string),
  condition: () => T | Promise<T>,
  withinMs = 20_000,
): Promise<Exclude<T, undefined | false>> {
  const deadlineMs = performance.now() + withinMs
  for (;;) {
    const value = await condition()
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>
    if (performance.now() > deadlineMs) {
      throw new Error(`timed out after ${withinMs} ms waiting until ${typeof what === 'string' ? what : what()}`)
    }
    await sleep(10)
  }
}

/** Rejects with this text when `promise` does not settle in time. */
export async function within<T>(what: string | (() => string), limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const text = () => `${typeof what === 'string' ? what : what()}: not done after ${limitMs} ms`
    timer = setTimeout(() => reject(new Error(text())), limitMs)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
