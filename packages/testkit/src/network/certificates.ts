import { webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { type NameParts, parseName } from './names.ts'

/** A certificate and its key, in PEM. */
export interface Identity {
  readonly cert: string
  readonly key: string
}

/** A temporary certificate authority that exists as long as the cluster. */
export interface Authority {
  /** The CA certificate in PEM, which clients trust. */
  readonly ca: string
  /** Issues a server certificate for these host names and addresses. */
  issueForHosts(hosts: readonly string[]): Promise<Identity>
  /** Issues a client certificate for a name like `CN=alice,OU=test`. Rejects with TypeError for an invalid name. */
  issueForClient(name: string): Promise<Identity>
}

interface Subject {
  readonly name: NameParts
  readonly keys: webcrypto.CryptoKeyPair
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const
const dayMs = 86_400_000
const validDays = 365
const { subtle } = webcrypto

const ids = {
  keyUsage: '2.5.29.15',
  hosts: '2.5.29.17',
  constraints: '2.5.29.19',
  extendedUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const

/** DER and X.509 libraries, loaded on first use. */
const load = () => Promise.all([import('pkijs'), import('asn1js')])
type Libraries = Awaited<ReturnType<typeof load>>

export async function createAuthority(): Promise<Authority> {
  const libraries = await load()
  // Clients cannot distinguish two authorities with the same name.
  const mark = Buffer.from(webcrypto.getRandomValues(new Uint8Array(4))).toString('hex')
  const own: Subject = { name: parseName(`CN=ottla testkit ${mark}`), keys: await newKeys() }
  const ca = await issue(libraries, { subject: own, issuer: own, hosts: undefined })
  const leaf = async (name: string, hosts: readonly string[]): Promise<Identity> => {
    const subject = { name: parseName(name), keys: await newKeys() }
    const key = Buffer.from(await subtle.exportKey('pkcs8', subject.keys.privateKey))
    return { cert: await issue(libraries, { subject, issuer: own, hosts }), key: pem('PRIVATE KEY', key) }
  }
  return {
    ca,
    issueForHosts: (hosts) => leaf('CN=ottla testkit broker', hosts),
    issueForClient: (name) => leaf(name, []),
  }
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> => subtle.generateKey(algorithm, true, ['sign', 'verify'])

interface CertificateRequest {
  readonly subject: Subject
  readonly issuer: Subject
  /** Undefined: a CA certificate. */
  readonly hosts: readonly string[] | undefined
}

async function issue(libraries: Libraries, { subject, issuer, hosts }: CertificateRequest): Promise<string> {
  const [pkijs, asn1] = libraries
  const certificate = new pkijs.Certificate()
  certificate.version = 2
  const serial = webcrypto.getRandomValues(new Uint8Array(16))
  // Positive, and without a leading zero byte.
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40
  certificate.serialNumber = new asn1.Integer({ valueHex: serial.buffer })
  certificate.issuer.valueBeforeDecode = nameBytes(libraries, issuer.name)
  certificate.subject.valueBeforeDecode = nameBytes(libraries, subject.name)
  certificate.notBefore.value = new Date(Date.now() - dayMs)
  certificate.notAfter.value = new Date(Date.now() + validDays * dayMs)
  certificate.extensions = extensionsOf(libraries, hosts)
  await certificate.subjectPublicKeyInfo.importKey(subject.keys.publicKey)
  await certificate.sign(issuer.keys.privateKey, 'SHA-256')
  return pem('CERTIFICATE', Buffer.from(certificate.toSchema(true).toBER(false)))
}

/** Encodes each part as its own set; the library would combine all parts in one set. */
function nameBytes([pkijs, asn1]: Libraries, parts: NameParts): ArrayBuffer {
  const value = parts.map(({ id, value }) => {
    // A country code is a PrintableString.
    const text = id === '2.5.4.6' ? new asn1.PrintableString({ value }) : new asn1.Utf8String({ value })
    return new asn1.Set({ value: [new pkijs.AttributeTypeAndValue({ type: id, value: text }).toSchema()] })
  })
  return new asn1.Sequence({ value }).toBER(false)
}

function extensionsOf([pkijs, asn1]: Libraries, hosts: readonly string[] | undefined) {
  const isAuthority = hosts === undefined
  const constraints = new pkijs.BasicConstraints({ cA: isAuthority }).toSchema()
  // Key usage of a CA: keyCertSign and cRLSign; otherwise digitalSignature.
  const bits = new Uint8Array([isAuthority ? 0x06 : 0x80])
  const usage = new asn1.BitString({ valueHex: bits.buffer, unusedBits: isAuthority ? 1 : 7 })
  const extensions = [
    new pkijs.Extension({ extnID: ids.constraints, critical: true, extnValue: constraints.toBER(false) }),
    new pkijs.Extension({ extnID: ids.keyUsage, critical: true, extnValue: usage.toBER(false) }),
  ]
  if (isAuthority) return extensions
  const both = new pkijs.ExtKeyUsage({ keyPurposes: [ids.serverAuth, ids.clientAuth] }).toSchema()
  extensions.push(new pkijs.Extension({ extnID: ids.extendedUsage, extnValue: both.toBER(false) }))
  if (hosts.length === 0) return extensions
  const names = hosts.map((host) => {
    if (isIP(host) === 0) return new pkijs.GeneralName({ type: 2, value: host })
    return new pkijs.GeneralName({ type: 7, value: new asn1.OctetString({ valueHex: addressBytes(host) }) })
  })
  const list = new pkijs.GeneralNames({ names }).toSchema()
  return [...extensions, new pkijs.Extension({ extnID: ids.hosts, extnValue: list.toBER(false) })]
}

/** An IP address as 4 or 16 bytes. */
function addressBytes(address: string): ArrayBuffer {
  if (isIP(address) === 4) return new Uint8Array(address.split('.').map(Number)).buffer
  const [head = '', tail] = address.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const gap = new Array<number>(8 - before.length - after.length).fill(0)
  return new Uint8Array([...before, ...gap, ...after].flatMap((group) => [group >> 8, group & 0xff])).buffer
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
