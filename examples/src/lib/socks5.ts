import { connect, type Socket } from 'node:net'

interface Address {
  readonly host: string
  readonly port: number
}

/** Opens a connection through a SOCKS5 proxy without authentication (RFC 1928). The proxy looks up the host name. */
export async function throughSocks5(proxy: Address, target: Address, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ ...proxy, noDelay: true, signal })
  try {
    const replies = replyReader(socket)
    socket.write(Uint8Array.of(5, 1, 0))
    const [, method] = await replies(2)
    if (method !== 0) throw new Error(`SOCKS5 proxy ${proxy.host}:${proxy.port} requires authentication`)
    const name = Buffer.from(target.host)
    const port = Uint8Array.of(target.port >> 8, target.port & 0xff)
    socket.write(Buffer.concat([Uint8Array.of(5, 1, 0, 3, name.length), name, port]))
    const [, code, , kind = 0] = await replies(4)
    if (code !== 0) throw new Error(`SOCKS5 proxy ${proxy.host}:${proxy.port} refused ${target.host} with code ${code}`)
    // The bound address is of no interest, but it precedes the broker's bytes.
    const addressBytes = kind === 1 ? 4 : kind === 4 ? 16 : ((await replies(1))[0] ?? 0)
    await replies(addressBytes + 2)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** Reads exactly the bytes of the proxy's replies: what follows them belongs to the broker. */
function replyReader(socket: Socket): (size: number) => Promise<Buffer> {
  let ended: Error | undefined
  let wake = () => {}
  const end = (error?: Error) => {
    ended ??= error ?? new Error('The SOCKS5 proxy closed the connection')
    wake()
  }
  socket.on('error', end).once('close', () => end())
  socket.on('readable', () => wake())
  return async (size) => {
    for (;;) {
      const bytes: Buffer | null = socket.read(size)
      if (bytes !== null) return bytes
      if (ended !== undefined) throw ended
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
}
