import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { errorOf, SaslAuthenticate, SaslHandshake } from '@ottla/codec'
import type { Wire } from './wire.ts'

export interface User {
  readonly name: string
  readonly password: string
  /** Default PLAIN. */
  readonly mechanism?: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  /** Name and password are id and hmac of a delegation token. */
  readonly isToken?: boolean
}

/** Authenticates; rejects with the broker's message. */
export async function login(wire: Wire, { name, password, mechanism = 'PLAIN', isToken = false }: User): Promise<void> {
  const { errorCode } = await wire.request(SaslHandshake, 1, { mechanism })
  if (errorCode !== 0) throw new Error(`Handshake for ${mechanism} failed: ${errorOf(errorCode).name}`)
  if (mechanism === 'PLAIN') {
    await authenticate(wire, `\0${name}\0${password}`)
    return
  }
  const hash = mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512'
  const bare = `n=${name},r=fyko+d2lbbFgONRv9qkxdawL${isToken ? ',tokenauth=true' : ''}`
  const challenge = await authenticate(wire, `n,,${bare}`)
  await authenticate(wire, scramProof(hash, { bare, challenge, password }))
}

async function authenticate(wire: Wire, text: string): Promise<string> {
  const response = await wire.request(SaslAuthenticate, 2, { authBytes: Buffer.from(text) })
  if (response.errorCode !== 0) throw new Error(response.errorMessage ?? errorOf(response.errorCode).name)
  return Buffer.from(response.authBytes).toString()
}

/** The client's final message (RFC 5802). */
export function scramProof(
  hash: 'sha256' | 'sha512',
  { bare, challenge, password }: { readonly bare: string; readonly challenge: string; readonly password: string },
): string {
  const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]*),s=([^,]*),i=(\d+)$/.exec(challenge) ?? []
  const size = hash === 'sha256' ? 32 : 64
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), size, hash)
  const clientKey = createHmac(hash, salted).update('Client Key').digest()
  const unproven = `c=biws,r=${nonce}`
  const storedKey = createHash(hash).update(clientKey).digest()
  const signature = createHmac(hash, storedKey).update(`${bare},${challenge},${unproven}`).digest()
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0))).toString('base64')
  return `${unproven},p=${proof}`
}
