import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import type { SaslExchange, SaslStep } from './sasl-exchange.ts'

/** In order of their numbers in the protocol, from 1. */
export const scramMechanisms = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

export type ScramMechanism = (typeof scramMechanisms)[number]

/** A server's record of a password (RFC 5802 §3); neither the password nor the client key can be derived from it. */
export interface ScramCredential {
  readonly salt: Uint8Array
  readonly iterations: number
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

const ITERATIONS = 4096
export const scramHashes = {
  'SCRAM-SHA-256': { name: 'sha256', size: 32 },
  'SCRAM-SHA-512': { name: 'sha512', size: 64 },
} as const

export function scramCredential(mechanism: ScramMechanism, password: string, salt: Uint8Array): ScramCredential {
  const { name, size } = scramHashes[mechanism]
  const salted = pbkdf2Sync(password, salt, ITERATIONS, size, name)
  const clientKey = createHmac(name, salted).update('Client Key').digest()
  return {
    salt,
    iterations: ITERATIONS,
    storedKey: createHash(name).update(clientKey).digest(),
    serverKey: createHmac(name, salted).update('Server Key').digest(),
  }
}

/** The account of a name: a user, or the owner of a delegation token. */
export interface ScramAccount {
  readonly user: string
  readonly credential: ScramCredential
  readonly isToken: boolean
  /** Wall time at which the credential expires; undefined: never. */
  readonly expiresAtMs: number | undefined
}

interface Challenge {
  readonly account: ScramAccount
  readonly nonce: string
  /** The first message of each side, as the proof signs them. */
  readonly signedSoFar: string
}

const SASL_NAME = '(?:[^=,]|=2C|=3D)+'
const firstMessage = new RegExp(
  `^n,(?:a=(${SASL_NAME}))?,((?:m=[^,]*,)?n=(${SASL_NAME}),r=([!-+\\--~]+)((?:,[A-Za-z]+=[^,]+)*))$`,
)
const finalMessage = /^(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)(?:,.*)?),p=([A-Za-z0-9+/]+={0,2})$/

/** The server's side of RFC 5802 without channel binding, as Kafka implements it. */
export class ScramExchange implements SaslExchange {
  readonly #mechanism: ScramMechanism
  readonly #serverNonce: () => string
  readonly #find: (name: string, isToken: boolean) => ScramAccount | undefined
  #challenge: Challenge | undefined

  constructor(
    mechanism: ScramMechanism,
    serverNonce: () => string,
    find: (name: string, isToken: boolean) => ScramAccount | undefined,
  ) {
    this.#mechanism = mechanism
    this.#serverNonce = serverNonce
    this.#find = find
  }

  step(bytes: Uint8Array): SaslStep {
    const message = Buffer.from(bytes).toString('utf8')
    const challenge = this.#challenge
    if (challenge === undefined) return this.#first(message)
    this.#challenge = undefined
    return this.#final(message, challenge)
  }

  #first(message: string): SaslStep {
    const match = firstMessage.exec(message)
    if (!match) return invalid
    const [, authorizationId, bare = '', name = '', clientNonce = '', extensions = ''] = match
    const user = name.replaceAll('=2C', ',').replaceAll('=3D', '=')
    const account = this.#find(user, /,tokenauth=true(?:,|$)/i.test(extensions))
    if (!account) return invalid
    if (authorizationId !== undefined && authorizationId !== user) {
      const message = 'Authentication failed: Client requested an authorization id that is different from username'
      return { kind: 'failed', message }
    }
    const { salt, iterations } = account.credential
    const nonce = clientNonce + this.#serverNonce()
    const reply = `r=${nonce},s=${Buffer.from(salt).toString('base64')},i=${iterations}`
    this.#challenge = { account, nonce, signedSoFar: `${bare},${reply}` }
    return { kind: 'continue', bytes: Buffer.from(reply) }
  }

  #final(message: string, challenge: Challenge): SaslStep {
    const match = finalMessage.exec(message)
    if (!match) return invalid
    const [, withoutProof = '', , nonce = '', proof = ''] = match
    if (nonce !== challenge.nonce) return invalid
    const { name } = scramHashes[this.#mechanism]
    const { user, credential, isToken, expiresAtMs } = challenge.account
    const { storedKey, serverKey } = credential
    const signed = `${challenge.signedSoFar},${withoutProof}`
    const clientSignature = createHmac(name, storedKey).update(signed).digest()
    const clientProof = Buffer.from(proof, 'base64')
    if (clientProof.length !== clientSignature.length) return { kind: 'tripped' }
    const clientKey = clientProof.map((byte, i) => byte ^ (clientSignature[i] ?? 0))
    if (!timingSafeEqual(createHash(name).update(clientKey).digest(), storedKey)) return invalid
    const serverSignature = createHmac(name, serverKey).update(signed).digest('base64')
    return { kind: 'done', bytes: Buffer.from(`v=${serverSignature}`), user, isToken, expiresAtMs }
  }
}

/** No message, because the response must not reveal whether the user exists. */
const invalid: SaslStep = { kind: 'failed', message: undefined }
