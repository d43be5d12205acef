import { errorCode, SaslHandshake } from '@ottla/codec'
import { serves } from './handler.ts'

/** Chooses the mechanism; what follows is SaslAuthenticate. */
export const saslHandshake = serves(SaslHandshake, { min: 1, max: 1 }, ({ broker, connection }, { mechanism }) => {
  const { auth } = connection
  const { users } = broker.services
  if (!auth.required || auth.principal !== undefined)
    return { errorCode: errorCode('ILLEGAL_SASL_STATE'), mechanisms: [] }
  const mechanisms = [...users.mechanisms]
  const exchange = users.begin(mechanism)
  if (!exchange) {
    connection.closeAfterResponse()
    return { errorCode: errorCode('UNSUPPORTED_SASL_MECHANISM'), mechanisms }
  }
  auth.mechanism = mechanism
  auth.exchange = exchange
  return { errorCode: 0, mechanisms }
})
