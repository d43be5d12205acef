import { type ErrorName, errorCode } from '@ottla/codec'

/** A request that a coordinator rejects. The response has an error message only if `detail` is given. */
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

/** Maps a GroupError to a result. Any other error is a bug of the testkit and is rethrown. */
export function catchGroupError<T>(act: () => T, onError: (error: GroupError) => T): T {
  try {
    return act()
  } catch (error) {
    if (error instanceof GroupError) return onError(error)
    throw error
  }
}
