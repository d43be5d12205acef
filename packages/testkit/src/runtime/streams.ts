/** Random numbers in [0, 1) from a seed, the same on every machine. */
export type RandomStream = () => number

/** sfc32: small, fast, and with independent streams for adjacent seeds. */
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

/** One stream per concern, so that more draws of one do not change the others. */
export interface RandomStreams {
  /** The order of events of one instant, and the delay of a broker's turn. */
  readonly schedule: RandomStream
  /** The latency and fragmentation of bytes in flight. */
  readonly network: RandomStream
  /** Ids and secrets of brokers and clients. */
  readonly ids: RandomStream
  /** Random decisions of brokers and clients: jitter, partitioners. */
  readonly choices: RandomStream
  /** How long jobs outside the event loop take. */
  readonly work: RandomStream
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
    work: of('work'),
    faults: of('faults'),
  }
}
