// X.509 certificates for a test cluster, made with node:crypto alone: not every machine has openssl, and keytool needs
// a second per step.

import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

const dayMs = 86_400_000
const validDays = 365

/** @typedef {{ name: string, key: import('node:crypto').KeyObject, keyId: Buffer, certPem: string, keyPem: string }} Identity */

/**
 * @param {number} tag
 * @param {...Uint8Array} parts
 */
function der(tag, ...parts) {
  const body = Buffer.concat(parts)
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body])
  if (body.length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, body.length]), body])
  return Buffer.concat([Buffer.from([tag, 0x82, body.length >> 8, body.length & 0xff]), body])
}

/** @param {...Uint8Array} parts */
const sequence = (...parts) => der(0x30, ...parts)
/** @param {Uint8Array} bytes */
const octets = (bytes) => der(0x04, bytes)
/** @param {string} hex */
const oid = (hex) => der(0x06, Buffer.from(hex, 'hex'))
/** @param {number} unusedBits @param {Uint8Array} bytes */
const bits = (unusedBits, bytes) => der(0x03, Buffer.from([unusedBits]), bytes)

const truth = der(0x01, Buffer.from([0xff]))
const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
const extensionIds = {
  keyId: '551d0e',
  usage: '551d0f',
  names: '551d11',
  basic: '551d13',
  authority: '551d23',
  extended: '551d25',
}

/** @param {keyof typeof extensionIds} id @param {Uint8Array} value @param {boolean} [critical] */
function extension(id, value, critical) {
  return sequence(oid(extensionIds[id]), ...(critical ? [truth] : []), octets(value))
}

/** @param {string} name */
const distinguished = (name) => sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(name)))))

/** @param {number} atMs */
function utcTime(atMs) {
  const digits = new Date(atMs).toISOString().replace(/[-:T]/g, '').slice(2, 14)
  return der(0x17, Buffer.from(`${digits}Z`))
}

/** @param {string} host */
function alternativeName(host) {
  if (isIP(host) === 4) return der(0x87, Buffer.from(host.split('.').map(Number)))
  return der(0x82, Buffer.from(host))
}

/** @param {string} label @param {Buffer} bytes */
function pem(label, bytes) {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/** @param {Buffer} keyId @param {Buffer} issuerKeyId @param {readonly string[] | undefined} hosts */
function extensionsOf(keyId, issuerKeyId, hosts) {
  const common = [extension('keyId', octets(keyId)), extension('authority', sequence(der(0x80, issuerKeyId)))]
  if (!hosts) {
    return [
      ...common,
      extension('basic', sequence(truth), true),
      extension('usage', bits(1, Buffer.from([0x06])), true),
    ]
  }
  const serverAndClient = sequence(oid('2b06010505070301'), oid('2b06010505070302'))
  return [
    ...common,
    extension('basic', sequence(), true),
    extension('usage', bits(7, Buffer.from([0x80])), true),
    extension('extended', serverAndClient),
    extension('names', sequence(...hosts.map(alternativeName))),
  ]
}

/**
 * @param {string} name
 * @param {readonly string[]} [hosts] names and addresses of a leaf; without it an authority
 * @param {Identity} [issuer] without it the certificate is signed by its own key
 * @returns {Identity}
 */
function issue(name, hosts, issuer) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const keyId = createHash('sha1').update(spki).digest()
  const serial = Buffer.concat([Buffer.from([0x01]), randomBytes(15)])
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ecdsaWithSha256,
    distinguished(issuer?.name ?? name),
    sequence(utcTime(Date.now() - dayMs), utcTime(Date.now() + validDays * dayMs)),
    distinguished(name),
    spki,
    der(0xa3, sequence(...extensionsOf(keyId, issuer?.keyId ?? keyId, hosts))),
  )
  const signature = sign('sha256', body, issuer?.key ?? privateKey)
  const certificate = sequence(body, ecdsaWithSha256, bits(0, signature))
  return {
    name,
    key: privateKey,
    keyId,
    certPem: pem('CERTIFICATE', certificate),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** A CA, its certificates for the brokers, for another host and for a client, and an unrelated CA. */
export function makeCertificates() {
  const ca = issue('ottla test authority')
  const otherCa = issue('another authority')
  const broker = issue('broker', ['localhost', '127.0.0.1'], ca)
  const wrongHost = issue('broker.example.com', ['broker.example.com'], ca)
  const client = issue('client', ['localhost', '127.0.0.1'], ca)
  return { ca, otherCa, broker, wrongHost, client }
}
