import { createHash, createHmac } from 'node:crypto'
import type { AlterUserScramCredentials, Decoded, ErrorName } from '@ottla/codec'
import type { ScramUsers, StoredCredential } from '../state/rights/scram-users.ts'
import { type ScramMechanism, scramHashes, scramMechanisms } from '../state/rights/users-scram.ts'
import type { Controller } from './controller.ts'

type Request = Decoded<typeof AlterUserScramCredentials.request>
type Upsertion = Request['upsertions'][number]
type Deletion = Request['deletions'][number]

interface Problem {
  readonly error: ErrorName
  readonly message: string
}

export interface AlteredUser {
  readonly user: string
  readonly problem: Problem | undefined
}

const fewestIterations = 4096
const mostIterations = 16_384

const alteredTwice: Problem = {
  error: 'DUPLICATE_RESOURCE',
  message: 'A user credential cannot be altered twice in the same request',
}

/** The protocol's numbers of mechanisms: 1 and 2. */
function mechanismOf(type: number): ScramMechanism | undefined {
  return scramMechanisms[type - 1]
}

/** Sets and deletes credentials: all valid changes in one decision. */
export function alterScramUsers(controller: Controller, { deletions, upsertions }: Request): AlteredUser[] {
  const users = controller.state.areas.scramUsers
  const problems = new Map<string, Problem>()
  const changes = new Map<string, (users: ScramUsers) => ScramUsers>()
  const take = (user: string, problem: Problem | undefined, change: (users: ScramUsers) => ScramUsers) => {
    if (problems.has(user)) return
    const found = changes.delete(user) ? alteredTwice : problem
    if (found === undefined) changes.set(user, change)
    else problems.set(user, found)
  }
  for (const deletion of deletions) {
    take(deletion.name, deletionProblem(users, deletion), (all) => without(all, deletion))
  }
  for (const upsertion of upsertions) {
    take(upsertion.name, upsertionProblem(upsertion), (all) => withCredential(all, upsertion))
  }
  let changed = users
  for (const change of changes.values()) changed = change(changed)
  if (changes.size > 0) controller.decide({ scramUsers: changed })
  const names = [...changes.keys(), ...problems.keys()]
  return names.map((user) => ({ user, problem: problems.get(user) }))
}

function nameProblem(name: string, mechanism: ScramMechanism | undefined): Problem | undefined {
  if (name === '') return { error: 'UNACCEPTABLE_CREDENTIAL', message: 'Username must not be empty' }
  if (mechanism === undefined) return { error: 'UNSUPPORTED_SASL_MECHANISM', message: 'Unknown SCRAM mechanism' }
  return undefined
}

function deletionProblem(users: ScramUsers, { name, mechanism: type }: Deletion): Problem | undefined {
  const mechanism = mechanismOf(type)
  const problem = nameProblem(name, mechanism)
  if (problem !== undefined || mechanism === undefined) return problem
  if (users.get(name)?.has(mechanism)) return undefined
  return { error: 'RESOURCE_NOT_FOUND', message: 'Attempt to delete a user credential that does not exist' }
}

function upsertionProblem({ name, mechanism, iterations }: Upsertion): Problem | undefined {
  const problem = nameProblem(name, mechanismOf(mechanism))
  if (problem !== undefined) return problem
  if (iterations < fewestIterations) return { error: 'UNACCEPTABLE_CREDENTIAL', message: 'Too few iterations' }
  if (iterations > mostIterations) return { error: 'UNACCEPTABLE_CREDENTIAL', message: 'Too many iterations' }
  return undefined
}

function without(users: ScramUsers, { name, mechanism: type }: Deletion): ScramUsers {
  const left = new Map(users.get(name))
  const mechanism = mechanismOf(type)
  if (mechanism !== undefined) left.delete(mechanism)
  const all = new Map(users)
  if (left.size === 0) all.delete(name)
  else all.set(name, left)
  return all
}

function withCredential(users: ScramUsers, upsertion: Upsertion): ScramUsers {
  const mechanism = mechanismOf(upsertion.mechanism)
  if (mechanism === undefined) return users
  const credentials = new Map(users.get(upsertion.name)).set(mechanism, storedOf(mechanism, upsertion))
  return new Map(users).set(upsertion.name, credentials)
}

/** Derives the keys from the salted password, which the client computed (RFC 5802 §3). */
function storedOf(mechanism: ScramMechanism, { iterations, salt, saltedPassword }: Upsertion): StoredCredential {
  const { name } = scramHashes[mechanism]
  const clientKey = createHmac(name, saltedPassword).update('Client Key').digest()
  const credential = {
    salt: Buffer.from(salt),
    iterations,
    storedKey: createHash(name).update(clientKey).digest(),
    serverKey: createHmac(name, saltedPassword).update('Server Key').digest(),
  }
  return { iterations, credential }
}
