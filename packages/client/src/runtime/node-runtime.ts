import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { nodeClock, type Runtime } from '@ottla/runtime'
import { dialSocket } from './socket-transport.ts'

/** The Runtime for Node: system clock, OpenSSL's random bytes, DNS, TCP and TLS. */
export const nodeRuntime: Runtime = Object.freeze({
  ...nodeClock,
  lookup: async (host: string) => {
    if (isIP(host) !== 0) return [host]
    const found = await lookup(host, { all: true })
    return found.map(({ address }) => address)
  },
  dial: dialSocket,
})
