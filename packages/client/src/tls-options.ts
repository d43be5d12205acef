import type { TlsOptions } from '@ottla/runtime'
import { optionError } from './errors.ts'
import { flag, optionalValue, resolveOptions, text } from './option-table.ts'
import { Secret } from './redact.ts'

/** Returns the TLS options for a new connection. It is called for each one, so a renewed certificate needs no new client. */
export type TlsProvider = () => TlsOptions | Promise<TlsOptions>

/** Where connections get their TLS options. */
export interface TlsSource {
  /** The next connection may have other options. */
  readonly isProvided: boolean
  /** Throws or rejects with INVALID_OPTION, or with the error of the application's function. */
  material(): Secret<TlsOptions> | Promise<Secret<TlsOptions>>
}

/** Node accepts a text that is not PEM, such as a path, without an error. */
const isPem = (value: unknown) =>
  (typeof value === 'string' && value.includes('-----BEGIN')) || value instanceof Uint8Array

const material = optionalValue<string | Uint8Array>(isPem, 'must be a PEM text (not a path) or its bytes')

const tlsTable = Object.freeze({
  ca: optionalValue<TlsOptions['ca']>(
    (value) => isPem(value) || (Array.isArray(value) && value.every(isPem)),
    'must be a PEM text (not a path), its bytes, or a list of them',
  ),
  cert: material,
  key: material,
  pfx: optionalValue<Uint8Array>((value) => value instanceof Uint8Array, 'must be the bytes of a PKCS #12 file'),
  passphrase: text(undefined),
  servername: text(undefined),
  minVersion: optionalValue<'TLSv1.2' | 'TLSv1.3'>(
    (value) => value === 'TLSv1.2' || value === 'TLSv1.3',
    "must be 'TLSv1.2' or 'TLSv1.3'",
  ),
  ciphers: text(undefined),
  insecureSkipVerify: flag(false),
})

/** Validates the TLS options and copies them, so that a later change by the caller has no effect. */
function materialOf(owner: string, tls: unknown): Secret<TlsOptions> {
  if (typeof tls === 'object' && tls !== null && Object.hasOwn(tls, 'rejectUnauthorized')) {
    throw optionError(
      'tls.rejectUnauthorized',
      owner,
      'does not exist',
      'Set `tls.ca` to the CA, or, for experiments only, `tls.insecureSkipVerify` to true.',
    )
  }
  const given = Object.entries(resolveOptions(owner, tlsTable, tls, 'tls.'))
  return new Secret(Object.fromEntries(given.filter(([, value]) => value !== undefined)) as TlsOptions)
}

/** `warnUnverified` is called once if certificates are not verified. Throws INVALID_OPTION. */
export function resolveTls(
  owner: string,
  tls: boolean | TlsOptions | TlsProvider,
  warnUnverified: () => void,
): TlsSource | undefined {
  if (tls === false) return undefined
  let warned = false
  const checked = (given: unknown) => {
    const material = materialOf(owner, given)
    if (material.reveal().insecureSkipVerify === true && !warned) {
      warned = true
      warnUnverified()
    }
    return material
  }
  if (typeof tls === 'function') {
    const provide = async () => {
      const given: unknown = await tls()
      if (typeof given !== 'object' || given === null) throw new TypeError('it returned no TLS options')
      return checked(given)
    }
    return { isProvided: true, material: provide }
  }
  const material = checked(tls === true ? {} : tls)
  return { isProvided: false, material: () => material }
}
