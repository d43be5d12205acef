import { errorCode, SaslAuthenticate } from '@ottla/codec'
import { serves } from './handler.ts'
import { closeConnection } from './reply.ts'
import { saslStep } from './sasl.ts'

const NO_BYTES = new Uint8Array(0)

/** A step of the authentication that SaslHandshake began. A failure closes the connection after its response. */
export const saslAuthenticateHandler = serves(
  SaslAuthenticate,
  { min: 0, max: 2 },
  ({ connection, cluster }, { authBytes }) => {
    const { auth } = connection
    if (auth.principal !== undefined) {
      return {
        errorCode: errorCode('ILLEGAL_SASL_STATE'),
        errorMessage: 'SaslAuthenticate request received after successful authentication',
        authBytes: NO_BYTES,
      }
    }
    const step = saslStep({ connection, cluster }, authBytes)
    if (!step) return closeConnection
    if (step.kind === 'failed') {
      connection.closeAfterResponse()
      return { errorCode: errorCode('SASL_AUTHENTICATION_FAILED'), errorMessage: step.message, authBytes: NO_BYTES }
    }
    const { bytes, sessionLifetimeMs } = step
    return {
      errorCode: 0,
      errorMessage: '',
      authBytes: bytes,
      sessionLifetimeMs: BigInt(Math.round(sessionLifetimeMs)),
    }
  },
)
