import { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import type { ServerTransport, TransportReader } from '@ottla/runtime'
import { principalNameOf } from './names.ts'
import type { NameMapping } from './principal-rules.ts'
import { attach, type ListenAt, listen, type TcpListener } from './tcp.ts'

/** Kafka's values of ssl.client.auth. */
export type ClientAuth = 'none' | 'requested' | 'required'

export interface TlsSettings {
  readonly cert: string
  readonly key: string
  /** The CA for client certificates. */
  readonly ca: string | undefined
  readonly clientAuth: ClientAuth
  readonly mapping: NameMapping
}

/** `principal`: from the client's certificate; undefined without one. */
export type AcceptTls = (transport: ServerTransport, principal: string | undefined) => TransportReader

/** The time limit of a handshake. */
const handshakeTimeoutMs = 30_000

/** Listens with TLS on a TCP port. Rejects when the port is in use. */
export async function listenTls(at: ListenAt, settings: TlsSettings, accept: AcceptTls): Promise<TcpListener> {
  const { cert, key, ca, clientAuth, mapping } = settings
  const raw = new Set<Socket>()
  const server = createServer({
    cert,
    key,
    // With `ca` Node also sends the CA certificate; Kafka does not.
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
  // The client does not speak TLS or does not trust this broker.
  server.on('tlsClientError', (_, socket) => socket.destroy())
  server.on('secureConnection', (socket) => {
    if (!at.keepAlive) socket.unref()
    const shown = clientAuth === 'none' ? undefined : socket.getPeerCertificate(false).raw
    if (shown === undefined) return attach(socket, (transport) => accept(transport, undefined))
    const name = socket.authorized ? mapping(principalNameOf(new X509Certificate(shown).subject)) : undefined
    if (name === undefined) refuse(socket)
    else attach(socket, (transport) => accept(transport, `User:${name}`))
  })
  const port = await listen(server, at)
  const close = () =>
    new Promise<void>((closed) => {
      server.close(() => closed())
      // Handshakes in progress.
      for (const socket of raw) socket.destroy()
    })
  return { port, close }
}

/** Closes a connection whose client certificate is not trusted. */
function refuse(socket: TLSSocket): void {
  socket.on('error', () => {})
  socket.destroy()
}
