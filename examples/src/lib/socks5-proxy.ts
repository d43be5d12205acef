import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A SOCKS5 proxy in this process, in place of one of another network. It resolves every host name to this machine. */
export interface Socks5Proxy extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** `host:port` of each connection that clients requested. */
  readonly requested: readonly string[]
}

export async function startSocks5Proxy(): Promise<Socks5Proxy> {
  const requested: string[] = []
  const sockets = new Set<Socket>()
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
  }
  const server = createServer((client) => {
    track(client)
    client.once('data', () => {
      client.write(Uint8Array.of(5, 0))
      client.once('data', (request: Buffer) => {
        const nameEnd = 5 + (request[4] ?? 0)
        const port = request.readUInt16BE(nameEnd)
        requested.push(`${request.subarray(5, nameEnd)}:${port}`)
        const broker = connect(port, '127.0.0.1', () => {
          client.write(Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0))
          client.pipe(broker).pipe(client)
        })
        track(broker)
        broker.once('close', () => client.destroy())
        client.once('close', () => broker.destroy())
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    host: '127.0.0.1',
    port,
    requested,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
