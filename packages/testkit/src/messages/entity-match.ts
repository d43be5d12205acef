/** Selects entities of a request by name. */
export interface EntityMatch {
  /** Also matches requests that name the topic by its id. */
  readonly topic?: string
  readonly partition?: number
  readonly group?: string
  readonly transactionalId?: string
}
