declare module 'vitest' {
  interface TaskMeta {
    skipReason?: string
  }
}

/** Options of a test or suite that `skipIf` may skip: the reporter prints the reason at the end of a run. */
export const skipReason = (reason: string): { meta: { skipReason: string } } => ({ meta: { skipReason: reason } })
