import type { Runtime, Timer } from '@ottla/runtime'

export interface Stagger {
  readonly runtime: Pick<Runtime, 'setTimer' | 'clearTimer'>
  /** The next candidate is tried when the one before it has failed, or has been silent for this long. */
  readonly afterMs: number
  /** Whether this failure ends the whole; the result is then undefined, as when all have failed. */
  readonly ends?: (error: unknown) => boolean
}

/**
 * Tries candidates in their order, a silent one beside the next, and resolves with the first result; undefined when none has one.
 * Never rejects: `attempt` reports its failures itself. Attempts that lose are not ended.
 */
export function staggered<C, T>(
  candidates: readonly C[],
  attempt: (candidate: C) => Promise<T>,
  { runtime, afterMs, ends }: Stagger,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    let begun = 0
    let running = 0
    let over = false
    let timer: Timer | undefined
    const clear = () => {
      if (timer !== undefined) runtime.clearTimer(timer)
      timer = undefined
    }
    const end = (result: T | undefined) => {
      over = true
      clear()
      resolve(result)
    }
    const failed = (error: unknown) => {
      running--
      if (over) return
      if (ends?.(error) === true) end(undefined)
      else next()
    }
    const next = () => {
      clear()
      if (begun >= candidates.length) {
        if (running === 0) end(undefined)
        return
      }
      running++
      const candidate = candidates[begun++]!
      if (begun < candidates.length) timer = runtime.setTimer(next, afterMs)
      attempt(candidate).then((result) => {
        if (!over) end(result)
      }, failed)
    }
    next()
  })
}
