/** Options of a test or suite that `skipIf` may skip: the reporter prints the reason at the end of a run. */
export const skipReason = (reason: string): { meta: Readonly<Record<string, string>> } => ({
  meta: { skipReason: reason },
})
