import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificates } from './certificates.mjs'

const made = makeCertificates()
const { broker, ca } = made
const asking = { requestCert: true, rejectUnauthorized: false, ca: ca.certPem }
const rightHost = createServer({ key: broker.keyPem, cert: broker.certPem, ...asking })
const wrongHost = createServer({ key: made.wrongHost.keyPem, cert: made.wrongHost.certPem })

beforeAll(async () => {
  for (const server of [rightHost, wrongHost]) {
    server.on('secureConnection', (socket: TLSSocket) => socket.end(String(socket.authorized)))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  }
})

afterAll(() => {
  rightHost.close()
  wrongHost.close()
})

/** The error's code, or the server's greeting. */
async function dial(server: typeof rightHost, options: { ca: string; key?: string; cert?: string }): Promise<string> {
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ...options })
  try {
    const [said] = await once(socket, 'data')
    return String(said)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  } finally {
    socket.destroy()
  }
}

describe('the certificates of the test cluster', () => {
  test('are accepted by a client that trusts the CA', async () => {
    expect(await dial(rightHost, { ca: made.ca.certPem })).toBe('false')
  })

  test('let a client authenticate itself', async () => {
    const own = { key: made.client.keyPem, cert: made.client.certPem }
    expect(await dial(rightHost, { ca: made.ca.certPem, ...own })).toBe('true')
  })

  test('are rejected by a client that trusts another CA', async () => {
    expect(await dial(rightHost, { ca: made.otherCa.certPem })).toBe('SELF_SIGNED_CERT_IN_CHAIN')
  })

  test('are rejected for another host', async () => {
    expect(await dial(wrongHost, { ca: made.ca.certPem })).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
  })
})
