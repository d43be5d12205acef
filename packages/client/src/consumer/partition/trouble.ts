import type { KafkaError } from '../../errors.ts'

/**
 * Why a partition is not read. 'resolving': its position is being looked up or validated. 'backing-off': a request failed and will be
 * repeated. 'no-leader', 'forbidden': the same, with a reason that lasts. 'failed': it needs a seek.
 */
export type Obstacle = 'resolving' | 'backing-off' | 'no-leader' | 'forbidden' | 'failed'

export interface Trouble {
  readonly obstacle: Obstacle
  readonly error: KafkaError | undefined
  /** On `monoNow`. */
  readonly sinceMs: number
}

/** The time of an obstacle that lasts is that of its beginning. */
export function troubled(
  before: Trouble | undefined,
  obstacle: Obstacle,
  error: KafkaError | undefined,
  nowMs: number,
): Trouble {
  return { obstacle, error, sinceMs: before?.obstacle === obstacle ? before.sinceMs : nowMs }
}
