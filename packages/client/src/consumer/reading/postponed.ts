/** Thrown by a handler of ottla itself: the item is not due. It waits for `pauseMs` without a worker, and no attempt is counted. */
export class Postponed extends Error {
  readonly pauseMs: number

  constructor(pauseMs: number) {
    super('the record is not due')
    this.pauseMs = pauseMs
  }
}
