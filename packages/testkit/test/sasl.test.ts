import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { errorOf, FindCoordinator, ListGroups, SaslAuthenticate, SaslHandshake } from '@ottla/codec'
import { createCluster, type SaslOptions, type TestCluster } from '@ottla/testkit'
import { afterEach, describe, expect, test } from 'vitest'
import { Wire } from './support/wire.ts'

const errorName = (code: number) => errorOf(code).name
const listing = { statesFilter: [], typesFilter: [] }

let cluster: TestCluster
const wires: Wire[] = []

async function open(sasl?: SaslOptions): Promise<Wire> {
  cluster = await createCluster({ brokers: 1, listen: true, onDiagnostic: () => {}, ...(sasl && { sasl }) })
  return again()
}

async function again(): Promise<Wire> {
  const wire = await Wire.open(cluster.bootstrap[0] ?? '')
  wires.push(wire)
  return wire
}

afterEach(async () => {
  for (const wire of wires.splice(0)) wire.close()
  await cluster.close()
})

const alice = { users: { alice: 'alice-secret' } }

const plain = async (wire: Wire, password: string) => {
  await wire.request(SaslHandshake, 1, { mechanism: 'PLAIN' })
  return wire.request(SaslAuthenticate, 2, { authBytes: Buffer.from(`\0alice\0${password}`) })
}

/** Both client messages of SCRAM-SHA-256 (RFC 5802). */
async function scram(wire: Wire, password: string) {
  const handshake = await wire.request(SaslHandshake, 1, { mechanism: 'SCRAM-SHA-256' })
  expect(handshake.errorCode).toBe(0)
  const bare = 'n=alice,r=fyko+d2lbbFgONRv9qkxdawL'
  const first = await wire.request(SaslAuthenticate, 2, { authBytes: Buffer.from(`n,,${bare}`) })
  const challenge = Buffer.from(first.authBytes).toString()
  const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]*),s=([^,]*),i=(\d+)$/.exec(challenge) ?? []
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256')
  const clientKey = createHmac('sha256', salted).update('Client Key').digest()
  const unproven = `c=biws,r=${nonce}`
  const storedKey = createHash('sha256').update(clientKey).digest()
  const signature = createHmac('sha256', storedKey).update(`${bare},${challenge},${unproven}`).digest()
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0))).toString('base64')
  return wire.request(SaslAuthenticate, 2, { authBytes: Buffer.from(`${unproven},p=${proof}`) })
}

describe('a listener with SASL', () => {
  test('serves after the right password, with PLAIN and with SCRAM', async () => {
    const wire = await open(alice)
    expect(await plain(wire, 'alice-secret')).toMatchObject({ errorCode: 0, errorMessage: '' })
    expect(await wire.request(ListGroups, 5, listing)).toMatchObject({ errorCode: 0 })
    const other = await again()
    expect(await scram(other, 'alice-secret')).toMatchObject({ errorCode: 0 })
    expect(await other.request(ListGroups, 5, listing)).toMatchObject({ errorCode: 0 })
  })

  test('returns an error that does not reveal whether the user exists, and closes', async () => {
    const wire = await open(alice)
    const refused = await plain(wire, 'wrong')
    expect(errorName(refused.errorCode)).toBe('SASL_AUTHENTICATION_FAILED')
    expect(refused.errorMessage).toBe('Authentication failed: Invalid username or password')
    await expect(wire.request(ListGroups, 5, listing)).rejects.toThrow('closed')
    const other = await again()
    expect((await scram(other, 'wrong')).errorMessage).toBe(
      'Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256',
    )
    await expect(other.request(ListGroups, 5, listing)).rejects.toThrow('closed')
  })

  test('serves no other request before authentication', async () => {
    const wire = await open(alice)
    await expect(wire.request(FindCoordinator, 6, { keyType: 0, coordinatorKeys: ['g'] })).rejects.toThrow('closed')
    const early = await again()
    await expect(early.request(SaslAuthenticate, 2, { authBytes: Buffer.from('x') })).rejects.toThrow('closed')
  })

  test('accepts bare tokens after a handshake of version 0', async () => {
    const wire = await open(alice)
    expect(await wire.request(SaslHandshake, 0, { mechanism: 'PLAIN' })).toMatchObject({ errorCode: 0 })
    expect(await wire.raw(Buffer.from('\0alice\0alice-secret'))).toHaveLength(0)
    expect(await wire.request(ListGroups, 5, listing)).toMatchObject({ errorCode: 0 })
    const other = await again()
    await other.request(SaslHandshake, 0, { mechanism: 'PLAIN' })
    await expect(other.raw(Buffer.from('\0alice\0wrong'))).rejects.toThrow('closed')
  })

  test('lists its mechanisms when another is requested, and closes', async () => {
    const wire = await open({ ...alice, mechanisms: ['PLAIN'] })
    const response = await wire.request(SaslHandshake, 1, { mechanism: 'SCRAM-SHA-512' })
    expect(errorName(response.errorCode)).toBe('UNSUPPORTED_SASL_MECHANISM')
    expect(response.mechanisms).toEqual(['PLAIN'])
    await expect(wire.request(SaslHandshake, 1, { mechanism: 'PLAIN' })).rejects.toThrow('closed')
  })

  test('rejects a second handshake after authentication', async () => {
    const wire = await open(alice)
    await plain(wire, 'alice-secret')
    const again = await wire.request(SaslHandshake, 1, { mechanism: 'PLAIN' })
    expect(errorName(again.errorCode)).toBe('ILLEGAL_SASL_STATE')
    const late = await wire.request(SaslAuthenticate, 2, { authBytes: Buffer.from('x') })
    expect(errorName(late.errorCode)).toBe('ILLEGAL_SASL_STATE')
  })
})

test('a listener without SASL rejects a handshake, and continues to serve', async () => {
  const wire = await open()
  const response = await wire.request(SaslHandshake, 1, { mechanism: 'PLAIN' })
  expect(errorName(response.errorCode)).toBe('ILLEGAL_SASL_STATE')
  expect(await wire.request(ListGroups, 5, listing)).toMatchObject({ errorCode: 0 })
})

test.each([
  [{ users: { alice: '' } }, 'alice'],
  [{ users: { alice: 'x' }, mechanisms: ['GSSAPI'] }, 'GSSAPI'],
])('rejects invalid options: %j', async (sasl, what) => {
  cluster = await createCluster({ brokers: 1 })
  await expect(createCluster({ brokers: 1, sasl })).rejects.toThrow(what)
})
