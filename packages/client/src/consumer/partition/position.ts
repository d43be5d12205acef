/** An offset with the leader epoch of the record before it; epoch -1: unknown. */
export interface Position {
  readonly offset: number
  readonly epoch: number
}

/** Before the first look-up. */
export const unknownPosition: Position = Object.freeze({ offset: -1, epoch: -1 })
