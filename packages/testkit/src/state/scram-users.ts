import type { Runtime } from '@ottla/codec/runtime'
import type { SaslOptions } from '../cluster-context.ts'
import { type ScramCredential, type ScramMechanism, scramCredential, scramMechanisms } from './users-scram.ts'

/** What the cluster keeps of a user's password for one mechanism. */
export interface StoredCredential {
  readonly iterations: number
  /** Those of `createCluster` are derived when somebody logs in: the rounds of hashing take milliseconds each. */
  credential(): ScramCredential
}

/** User name → mechanism → credential. Immutable: a change is a new map. */
export type ScramUsers = ReadonlyMap<string, ReadonlyMap<ScramMechanism, StoredCredential>>

/** The users that were given to `createCluster`, with every mechanism of SCRAM that is enabled. */
export function scramUsersOf(
  options: SaslOptions | undefined,
  mechanisms: readonly string[],
  runtime: Pick<Runtime, 'secureRandom'>,
): ScramUsers {
  const enabled = scramMechanisms.filter((mechanism) => mechanisms.includes(mechanism))
  if (options === undefined || enabled.length === 0) return new Map()
  const userEntries = Object.entries(options.users ?? {})
  return new Map(
    userEntries.map(([user, password]) => [
      user,
      new Map(enabled.map((mechanism) => [mechanism, derivedLater(mechanism, password, runtime)])),
    ]),
  )
}

/** The credential of a password with the fewest rounds that Kafka takes. */
export function derivedLater(
  mechanism: ScramMechanism,
  password: string,
  runtime: Pick<Runtime, 'secureRandom'>,
): StoredCredential {
  let derived: ScramCredential | undefined
  return {
    iterations: 4096,
    credential: () => {
      derived ??= scramCredential(mechanism, password, runtime.secureRandom(16))
      return derived
    },
  }
}
