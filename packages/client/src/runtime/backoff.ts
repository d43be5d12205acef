import type { Runtime } from '@ottla/runtime'

export interface BackoffOptions {
  readonly firstMs: number
  readonly maxMs: number
}

/** The pause after the failure of attempt `attempt`, counted from 1: doubles from `firstMs` to `maxMs`, ±20 % jitter (KIP-580). */
export function backoffMs(
  runtime: Pick<Runtime, 'random'>,
  attempt: number,
  { firstMs, maxMs }: BackoffOptions,
): number {
  const pauseMs = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30))
  return pauseMs * (0.8 + 0.4 * runtime.random())
}
