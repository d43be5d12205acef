/** Chance from a seed: numbers in [0, 1), the same on every machine. */
export type RandomStream = () => number

/** sfc32: small, fast, and good enough that its streams for neighbouring seeds have nothing in common. */
export function randomOf(seed: number, concern: string): RandomStream {
  let a = seed | 0
  let b = Math.floor(seed / 4_294_967_296) | 0
  let c = 0x9e3779b9 | 0
  for (let at = 0; at < concern.length; at++) c = Math.imul(c ^ concern.charCodeAt(at), 0x01000193)
  let count = 1
  const next = () => {
    const sum = (((a + b) | 0) + count) | 0
    count = (count + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    return (sum >>> 0) / 4_294_967_296
  }
  for (let round = 0; round < 15; round++) next()
  return next
}

/** One stream a concern: more draws of one do not change what the others give. */
export interface RandomStreams {
  /** Which of the events of one instant comes first, and how late a turn of a broker is. */
  readonly schedule: RandomStream
  /** How long bytes are under way, and in which pieces they arrive. */
  readonly network: RandomStream
  /** Ids and secrets of brokers and clients. */
  readonly ids: RandomStream
  /** What brokers and clients decide by chance: jitter, partitioners. */
  readonly choices: RandomStream
  /** For the test itself: which faults, and when. */
  readonly faults: RandomStream
}

export function streamsOf(seed: number): RandomStreams {
  const of = (concern: string) => randomOf(seed, concern)
  return {
    schedule: of('schedule'),
    network: of('network'),
    ids: of('ids'),
    choices: of('choices'),
    faults: of('faults'),
  }
}
