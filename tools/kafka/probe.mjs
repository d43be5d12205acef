// Reads how many brokers a broker sees: a minimal Metadata request, written by hand so that the tool needs no client.

import { connect } from 'node:net'

const respondWithinMs = 2000
/** 19 bytes follow: Metadata (3), version 1, correlation 1, client id `probe`, no topics. */
const request = Buffer.from('0000001300030001000000010005' + '70726f6265' + '00000000', 'hex')

/**
 * @param {number} port
 * @returns {Promise<number>} brokers in its metadata; 0 when it does not respond
 */
export function countBrokers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let response = Buffer.alloc(0)
    /** @param {number} count */
    const end = (count) => {
      socket.destroy()
      resolve(count)
    }
    socket.setTimeout(respondWithinMs, () => end(0))
    socket.on('error', () => end(0))
    socket.on('close', () => end(0))
    socket.on('connect', () => socket.write(request))
    socket.on('data', (bytes) => {
      response = Buffer.concat([response, bytes])
      if (response.length >= 12) end(response.readInt32BE(8))
    })
  })
}
