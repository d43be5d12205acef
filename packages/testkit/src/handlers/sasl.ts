import type { Connection, Outcome } from '../connection.ts'
import type { SaslExchange, SaslStep } from '../state/users.ts'

/** Takes a token of the client; when it was the last, the connection is the user's. Undefined without a handshake before. */
export function saslStep({ auth }: Connection, token: Uint8Array): SaslStep | undefined {
  const exchange = auth.exchange as SaslExchange | undefined
  if (!exchange) return undefined
  const step = exchange.step(token)
  if (step.kind !== 'continue') auth.exchange = undefined
  if (step.kind === 'done') auth.principal = `User:${step.user}`
  return step
}

/** A token after SaslHandshake v0: bare in its frame, as the answer is. What is wrong cannot be said: the connection closes. */
export function rawSaslToken(connection: Connection, frame: Uint8Array): Outcome {
  const step = saslStep(connection, frame)
  if (!step || step.kind === 'failed') return { kind: 'close', reason: step?.message ?? 'a token without a handshake' }
  const length = Buffer.alloc(4)
  length.writeInt32BE(step.bytes.length)
  return { kind: 'answer', chunks: [length, step.bytes] }
}
