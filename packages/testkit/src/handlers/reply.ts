import type { Runtime } from '@ottla/runtime'
import { Held } from '../state/held.ts'

/** No response is written (acks=0). */
export const noResponse = Symbol('no response')
/** The connection closes without a response. */
export const closeConnection = Symbol('close the connection')

/** The result of a handler: a response, one of the two symbols, or one of these later. */
export type Reply<R> =
  | R
  | Held<R>
  | Held<R | typeof closeConnection>
  | Held<R | typeof closeConnection | typeof noResponse>
  | typeof noResponse
  | typeof closeConnection

/** True for `noResponse` and `closeConnection`, which replace a response. */
export function isWithoutResponse(reply: unknown): reply is typeof noResponse | typeof closeConnection {
  return reply === noResponse || reply === closeConnection
}

/** Applies `next` to a reply, later when it is held; `next` may return a held reply itself. */
export function thenReply(
  runtime: Runtime,
  reply: Reply<unknown>,
  next: (response: unknown) => unknown,
): Reply<unknown> {
  if (!(reply instanceof Held)) return next(reply)
  let waiting: Held<unknown> = reply
  const outer = new Held<unknown>(runtime, { onSettled: () => waiting.cancel() })
  reply.deliverTo((response) => {
    const following = next(response)
    if (following instanceof Held) {
      waiting = following
      following.deliverTo((last: unknown) => outer.complete(last))
    } else outer.complete(following)
  })
  return outer
}
