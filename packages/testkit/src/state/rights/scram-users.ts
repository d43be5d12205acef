import type { Runtime } from '@ottla/runtime'
import type { SaslOptions } from './sasl-options.ts'
import { type ScramCredential, type ScramMechanism, scramCredential, scramMechanisms } from './users-scram.ts'

const fewestIterations = 4096

/** A user's stored credential for one mechanism. Plain data that can be written to disk. */
export interface StoredCredential {
  readonly iterations: number
  /** Absent for users of `createCluster`, whose passwords are never stored. */
  readonly credential?: ScramCredential
}

/** User name → mechanism → credential. Immutable: a change creates a new map. */
export type ScramUsers = ReadonlyMap<string, ReadonlyMap<ScramMechanism, StoredCredential>>

/** The users of `createCluster`'s options, with every enabled SCRAM mechanism. */
export function scramUsersOf(
  options: SaslOptions | undefined,
  mechanisms: readonly string[],
  runtime: Pick<Runtime, 'secureRandom'>,
): ScramUsers {
  const enabled = scramMechanisms.filter((mechanism) => mechanisms.includes(mechanism))
  if (options === undefined || enabled.length === 0) return new Map()
  return new Map(
    Object.entries(options.users ?? {}).map(([user, password]) => {
      const credentials = enabled.map((mechanism) => {
        const stored: StoredCredential = { iterations: fewestIterations }
        deriveLater(stored, mechanism, password, runtime)
        return [mechanism, stored] as const
      })
      return [user, new Map(credentials)] as const
    }),
  )
}

/** The stored users after a restart. Users with a password from the options are dropped: the current options define them. */
export function keptUsers(users: ScramUsers): ScramUsers {
  const kept = new Map<string, ReadonlyMap<ScramMechanism, StoredCredential>>()
  for (const [user, credentials] of users) {
    const left = [...credentials].filter(([, stored]) => stored.credential !== undefined)
    if (left.length > 0) kept.set(user, new Map(left))
  }
  return kept
}

/** Derived on first use, because the hash iterations take milliseconds per credential. */
const derived = new WeakMap<object, Map<ScramMechanism, () => ScramCredential>>()

/** Derives a password's credential on first use, with Kafka's minimum of iterations; cached under `owner`. */
export function deriveLater(
  owner: object,
  mechanism: ScramMechanism,
  password: string,
  runtime: Pick<Runtime, 'secureRandom'>,
): () => ScramCredential {
  const ofOwner = derived.get(owner) ?? new Map<ScramMechanism, () => ScramCredential>()
  derived.set(owner, ofOwner)
  const known = ofOwner.get(mechanism)
  if (known !== undefined) return known
  let credential: ScramCredential | undefined
  const derive = () => {
    credential ??= scramCredential(mechanism, password, runtime.secureRandom(16))
    return credential
  }
  ofOwner.set(mechanism, derive)
  return derive
}

export function credentialOf(stored: StoredCredential, mechanism: ScramMechanism): ScramCredential | undefined {
  return stored.credential ?? derived.get(stored)?.get(mechanism)?.()
}
