import type { Runtime } from '@ottla/runtime'
import type { BrokerAddress } from '../../errors.ts'

/** One authentication on one connection. */
export interface SaslExchange {
  readonly runtime: Runtime
  readonly broker: BrokerAddress
  /** Sends a message of the mechanism and gives the broker's answer; rejects when the broker refuses. */
  send(message: Uint8Array): Promise<Uint8Array>
}

/** A SASL mechanism with its credentials: made by `plain()`, `scramSha256()`, `scramSha512()`, or your own. */
export interface SaslMechanism {
  /** As Kafka names it: 'PLAIN', 'SCRAM-SHA-512'. */
  readonly name: string
  /** Whether a listener on the network would learn the credentials without TLS. */
  readonly cleartext: boolean
  /** Resolves when both sides are satisfied; throws KafkaError SASL_AUTHENTICATION_FAILED otherwise. */
  authenticate(exchange: SaslExchange): Promise<void>
}

/** User name and password, or a function that is asked for them at each authentication, so that they can be rotated. */
export type Credentials = UserPassword | (() => UserPassword | Promise<UserPassword>)

export interface UserPassword {
  readonly username: string
  readonly password: string
}
