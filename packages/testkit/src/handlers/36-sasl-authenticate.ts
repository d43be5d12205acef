import { errorCode, SaslAuthenticate } from '@ottla/codec'
import type { SaslExchange } from '../state/users.ts'
import { closeConnection, serves } from './handler.ts'

const NO_BYTES = new Uint8Array(0)

/** A step of the authentication that SaslHandshake began. A failure is answered, then the connection closes. */
export const saslAuthenticate = serves(SaslAuthenticate, { min: 0, max: 2 }, ({ connection }, { authBytes }) => {
  const { auth } = connection
  if (!auth.required || auth.principal !== undefined) {
    return {
      errorCode: errorCode('ILLEGAL_SASL_STATE'),
      errorMessage: 'SaslAuthenticate request received after successful authentication',
      authBytes: NO_BYTES,
    }
  }
  const exchange = auth.exchange as SaslExchange | undefined
  if (!exchange) return closeConnection
  const step = exchange.step(authBytes)
  if (step.kind === 'failed') {
    auth.exchange = undefined
    connection.closeAfterResponse()
    return { errorCode: errorCode('SASL_AUTHENTICATION_FAILED'), errorMessage: step.message, authBytes: NO_BYTES }
  }
  if (step.kind === 'done') {
    auth.exchange = undefined
    auth.principal = `User:${step.user}`
  }
  return { errorCode: 0, errorMessage: null, authBytes: step.bytes }
})
