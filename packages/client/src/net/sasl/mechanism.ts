import type { Runtime } from '@ottla/runtime'
import type { BrokerAddress } from '../../errors.ts'

/** One authentication of one connection. */
export interface SaslExchange {
  readonly runtime: Runtime
  readonly broker: BrokerAddress
  /** Sends a message of the mechanism and resolves with the broker's response; rejects when the broker refuses it. */
  send(message: Uint8Array): Promise<Uint8Array>
}

/** A SASL mechanism with its credentials: `plain()`, `scramSha256()`, `scramSha512()`, or your own. */
export interface SaslMechanism {
  /** Kafka's name of it: 'PLAIN', 'SCRAM-SHA-512'. */
  readonly name: string
  /** Whether the credentials can be read on the network without TLS. */
  readonly cleartext: boolean
  /** Resolves when both sides have accepted; rejects with KafkaError SASL_AUTHENTICATION_FAILED otherwise. */
  authenticate(exchange: SaslExchange): Promise<void>
}

/** User name and password, or a function that is called for them at each authentication, so that they can be rotated. */
export type Credentials = UserPassword | (() => UserPassword | Promise<UserPassword>)

export interface UserPassword {
  readonly username: string
  readonly password: string
}
