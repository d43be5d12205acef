import { errorCode, SaslHandshake } from '@ottla/codec'
import { serves } from './handler.ts'
import { closeConnection } from './reply.ts'

/** Chooses the mechanism. SaslAuthenticate follows, or in version 0 bare tokens. */
export const saslHandshakeHandler = serves(SaslHandshake, { min: 0, max: 1 }, (context, { mechanism }) => {
  const { broker, connection, apiVersion } = context
  const { auth } = connection
  const { users } = broker.services
  if (auth.principal !== undefined) return { errorCode: errorCode('ILLEGAL_SASL_STATE'), mechanisms: [] }
  const mechanisms = [...users.mechanisms]
  const exchange = users.begin(mechanism)
  if (!exchange) {
    if (auth.before !== undefined) return closeConnection
    connection.closeAfterResponse()
    return { errorCode: errorCode('UNSUPPORTED_SASL_MECHANISM'), mechanisms }
  }
  auth.mechanism = mechanism
  // A reauthentication must use the same mechanism; otherwise the next request closes the connection.
  const isOther = auth.before !== undefined && auth.before.mechanism !== mechanism
  auth.exchange = isOther ? undefined : exchange
  auth.isRaw = apiVersion === 0
  return { errorCode: 0, mechanisms }
})
