/** What happens to the bytes of an answer. */
export type Spoil =
  | { readonly kind: 'truncateTo' | 'garbage' | 'chunks'; readonly bytes: number }
  | { readonly kind: 'drip'; readonly ms: number }
  | { readonly kind: 'wrongCorrelationId' | 'answerTwice' }

/** How an answer is written: piece by piece, with a pause between them. */
export interface SpoiledAnswer {
  readonly pieces: readonly Buffer[]
  readonly pauseMs: number
  /** The connection closes after the last piece. */
  readonly closes: boolean
}

/** Length of the frame, then the correlation id. */
const correlationIdAt = 4
/** Far from all that are under way. */
const correlationIdOff = 1_000_000
const maxPieces = 1_000
const drippedPieces = 50

export function spoiledAnswer(spoil: Spoil, answer: Buffer, random: () => number): SpoiledAnswer {
  const whole = { pauseMs: 0, closes: false }
  switch (spoil.kind) {
    case 'truncateTo': {
      const left = answer.subarray(0, spoil.bytes)
      return { ...whole, pieces: left.length === 0 ? [] : [left], closes: true }
    }
    case 'garbage':
      return { ...whole, pieces: [Buffer.from(Array.from({ length: spoil.bytes }, () => Math.floor(random() * 256)))] }
    case 'wrongCorrelationId': {
      const changed = Buffer.from(answer)
      changed.writeInt32BE((changed.readInt32BE(correlationIdAt) + correlationIdOff) | 0, correlationIdAt)
      return { ...whole, pieces: [changed] }
    }
    case 'answerTwice':
      return { ...whole, pieces: [answer, answer] }
    case 'chunks':
      return { ...whole, pieces: cut(answer, Math.max(spoil.bytes, Math.ceil(answer.length / maxPieces))), pauseMs: 1 }
    case 'drip': {
      const pieces = cut(answer, Math.ceil(answer.length / drippedPieces))
      return { ...whole, pieces, pauseMs: Math.ceil(spoil.ms / Math.max(1, pieces.length - 1)) }
    }
  }
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = []
  for (let from = 0; from < bytes.length; from += size) pieces.push(bytes.subarray(from, from + size))
  return pieces
}
