import { optionError } from '../../errors.ts'
import { showOnly } from '../../redact.ts'
import type { Credentials, SaslMechanism, UserPassword } from './mechanism.ts'

/** SASL/PLAIN (RFC 4616): the broker sees the password, so use it with TLS only. */
export function plain(credentials: Credentials): SaslMechanism {
  const read = credentialReader('plain()', credentials)
  const mechanism: SaslMechanism = {
    name: 'PLAIN',
    cleartext: true,
    async authenticate({ send }) {
      const { username, password } = await read()
      await send(Buffer.from(`\0${username}\0${password}`, 'utf8'))
    },
  }
  return Object.freeze(showOnly(mechanism, () => ({ mechanism: 'PLAIN', credentials: '[redacted]' })))
}

/** Checks credentials that are a value immediately, and those of a function when it returns them. */
export function credentialReader(owner: string, credentials: Credentials): () => Promise<UserPassword> {
  if (typeof credentials === 'function') return async () => checked(owner, await credentials())
  const { username, password } = checked(owner, credentials)
  return async () => ({ username, password })
}

function checked(owner: string, credentials: unknown): UserPassword {
  const { username, password } = (credentials ?? {}) as Partial<Record<keyof UserPassword, unknown>>
  if (typeof username !== 'string' || username === '')
    throw optionError('username', owner, 'must be a string that is not empty')
  if (typeof password !== 'string' || password === '')
    throw optionError('password', owner, 'must be a string that is not empty')
  if (username.includes('\0')) throw optionError('username', owner, 'must not contain a NUL character')
  if (password.includes('\0')) throw optionError('password', owner, 'must not contain a NUL character')
  return { username, password }
}
