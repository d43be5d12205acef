/** A corruption of a response's bytes. */
export type Corruption =
  | { readonly kind: 'truncateTo' | 'garbage' | 'chunks'; readonly bytes: number }
  | { readonly kind: 'drip'; readonly ms: number }
  | { readonly kind: 'wrongCorrelationId' | 'respondTwice' }

/** The pieces of a response, to be written with a pause between them. */
export interface CorruptedResponse {
  readonly pieces: readonly Buffer[]
  readonly pauseMs: number
  /** The connection closes after the last piece. */
  readonly closes: boolean
}

/** After the length of the frame. */
const correlationIdAt = 4
/** Makes a correlation id that no request in flight has. */
const correlationIdOff = 1_000_000
const maxPieces = 1_000
const drippedPieces = 50

export function corruptedResponse(corruption: Corruption, response: Buffer, random: () => number): CorruptedResponse {
  const whole = { pauseMs: 0, closes: false }
  switch (corruption.kind) {
    case 'truncateTo': {
      const left = response.subarray(0, corruption.bytes)
      return { ...whole, pieces: left.length === 0 ? [] : [left], closes: true }
    }
    case 'garbage':
      return {
        ...whole,
        pieces: [Buffer.from(Array.from({ length: corruption.bytes }, () => Math.floor(random() * 256)))],
      }
    case 'wrongCorrelationId': {
      const changed = Buffer.from(response)
      changed.writeInt32BE((changed.readInt32BE(correlationIdAt) + correlationIdOff) | 0, correlationIdAt)
      return { ...whole, pieces: [changed] }
    }
    case 'respondTwice':
      return { ...whole, pieces: [response, response] }
    case 'chunks':
      return {
        ...whole,
        pieces: cut(response, Math.max(corruption.bytes, Math.ceil(response.length / maxPieces))),
        pauseMs: 1,
      }
    case 'drip': {
      const pieces = cut(response, Math.ceil(response.length / drippedPieces))
      return { ...whole, pieces, pauseMs: Math.ceil(corruption.ms / Math.max(1, pieces.length - 1)) }
    }
  }
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = []
  for (let from = 0; from < bytes.length; from += size) pieces.push(bytes.subarray(from, from + size))
  return pieces
}
