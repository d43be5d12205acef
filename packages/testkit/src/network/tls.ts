import { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import type { ServerTransport, TransportSink } from '@ottla/runtime'
import { principalNameOf } from './names.ts'
import type { NameMapping } from './principal-rules.ts'
import { attach, type TcpListener } from './tcp.ts'

/** Whether clients have to show a certificate, by Kafka's words. */
export type ClientAuth = 'none' | 'requested' | 'required'

export interface TlsSettings {
  readonly cert: string
  readonly key: string
  /** Which certificates of clients are taken. */
  readonly ca: string | undefined
  readonly clientAuth: ClientAuth
  readonly mapping: NameMapping
}

/** `principal` is the client's by its certificate; undefined without one. */
export type AcceptTls = (transport: ServerTransport, principal: string | undefined) => TransportSink

/** A client has to be done with its handshake within. */
const handshakeTimeoutMs = 30_000

/** Listens with TLS on a real port; 0 takes a free one. Rejects when the port is taken. */
export function listenTls(host: string, port: number, settings: TlsSettings, accept: AcceptTls): Promise<TcpListener> {
  const { cert, key, ca, clientAuth, mapping } = settings
  const raw = new Set<Socket>()
  const server = createServer({
    cert,
    key,
    // Node sends along what it knows of the authority; Kafka does not.
    ...(ca !== undefined && clientAuth !== 'none' && { ca }),
    minVersion: 'TLSv1.2',
    requestCert: clientAuth !== 'none',
    rejectUnauthorized: clientAuth === 'required',
    handshakeTimeout: handshakeTimeoutMs,
    noDelay: true,
    keepAlive: true,
  })
  server.on('connection', (socket: Socket) => {
    raw.add(socket)
    socket.once('close', () => raw.delete(socket))
  })
  // Who does not speak TLS, or does not trust this broker, goes away.
  server.on('tlsClientError', (_, socket) => socket.destroy())
  server.on('secureConnection', (socket) => {
    const shown = clientAuth === 'none' ? undefined : socket.getPeerCertificate(false).raw
    if (shown === undefined) return attach(socket, (transport) => accept(transport, undefined))
    const name = socket.authorized ? mapping(principalNameOf(new X509Certificate(shown).subject)) : undefined
    if (name === undefined) refuse(socket)
    else attach(socket, (transport) => accept(transport, `User:${name}`))
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.removeListener('error', reject)
      const address = server.address()
      if (address === null || typeof address === 'string') return reject(new Error('the server has no port'))
      const close = () =>
        new Promise<void>((closed) => {
          server.close(() => closed())
          // Handshakes that are under way.
          for (const socket of raw) socket.destroy()
        })
      resolve({ port: address.port, close })
    })
  })
}

/** The certificate is of nobody that this broker knows. */
function refuse(socket: TLSSocket): void {
  socket.on('error', () => {})
  socket.destroy()
}
