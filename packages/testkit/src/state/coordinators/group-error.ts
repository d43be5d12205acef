import { type ErrorName, errorCode } from '@ottla/codec'

/** Why a coordinator refuses a request. Without a message of its own the answer has none. */
export class GroupError extends Error {
  readonly error: ErrorName
  readonly detail: string | null

  constructor(error: ErrorName, detail: string | null = null) {
    super(detail ?? error)
    this.name = 'GroupError'
    this.error = error
    this.detail = detail
  }

  get code(): number {
    return errorCode(this.error)
  }
}

/** Runs what may be refused; anything but a refusal is a mistake of the testkit and goes on. */
export function orRefused<T>(act: () => T, refused: (error: GroupError) => T): T {
  try {
    return act()
  } catch (error) {
    if (error instanceof GroupError) return refused(error)
    throw error
  }
}
