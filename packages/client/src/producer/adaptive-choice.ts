/** The leader of a partition, as far as the choice of a partition depends on it. */
export interface Leader {
  /** Bytes accepted for it and not settled. */
  readonly loadBytes: number
  /** Partitions of this producer that it leads. */
  readonly partitionCount: number
  /** It has batches and has acknowledged none for some time. */
  isStalled(nowMs: number): boolean
}

export interface Choice {
  readonly partitionCount: number
  /** The partition whose batch is full or sent; -1: none. */
  readonly current: number
  /** The size of a batch at the present load. */
  readonly batchBytes: number
  readonly nowMs: number
  leaderOf(partition: number): Leader | undefined
  random(): number
}

/** Of a topic with more partitions, this many random ones are compared: the cost does not depend on their number. */
const mostCandidates = 8

// Of the current call; nothing else runs meanwhile.
const candidates = new Int32Array(mostCandidates)
const weights = new Float64Array(mostCandidates)

/**
 * The next partition for records without a key (KIP-480, KIP-794). The probability of each falls with the queue of its leader, so
 * that a slow broker receives fewer records; a leader that acknowledges nothing receives none while there is another. `current` is
 * chosen again only if others have longer queues.
 */
export function chooseAdaptively(choice: Choice): number {
  const { partitionCount, random } = choice
  if (partitionCount <= 1) return 0
  let count = candidatesOf(choice, false)
  if (count === 0) count = candidatesOf(choice, true)
  if (count === 0) return Math.floor(random() * partitionCount)
  const total = weigh(choice, count)
  if (total === 0) return candidates[0]!
  let rest = random() * total
  for (let at = 0; at < count; at++) {
    rest -= weights[at]!
    if (rest < 0) return candidates[at]!
  }
  return candidates[count - 1]!
}

/** Fills `candidates` with partitions that have a leader, and returns their number. */
function candidatesOf(choice: Choice, stalledToo: boolean): number {
  const { partitionCount } = choice
  const all = partitionCount <= mostCandidates
  let count = 0
  for (let at = 0; at < mostCandidates && (!all || at < partitionCount); at++) {
    const partition = all ? at : Math.floor(choice.random() * partitionCount)
    if (isCandidate(choice, partition, stalledToo)) candidates[count++] = partition
  }
  if (all || count > 0) return count
  // Few partitions have a leader: the next one that has.
  const start = Math.floor(choice.random() * partitionCount)
  for (let step = 0; step < partitionCount; step++) {
    const partition = (start + step) % partitionCount
    if (!isCandidate(choice, partition, stalledToo)) continue
    candidates[0] = partition
    return 1
  }
  return 0
}

function isCandidate({ leaderOf, nowMs }: Choice, partition: number, stalledToo: boolean): boolean {
  const leader = leaderOf(partition)
  return leader !== undefined && (stalledToo || !leader.isStalled(nowMs))
}

/**
 * Fills `weights` as Java does: how much shorter the queue is than the longest one, plus one batch. A leader's queue is divided by
 * its partitions, so that one that leads more of them does not appear slower. Returns their sum.
 */
function weigh({ leaderOf, current, batchBytes }: Choice, count: number): number {
  let longest = 0
  let partitions = 0
  for (let at = 0; at < count; at++) {
    const { loadBytes, partitionCount } = leaderOf(candidates[at]!)!
    const queue = loadBytes / partitionCount
    weights[at] = queue
    longest = Math.max(longest, queue)
    partitions += partitionCount
  }
  const oneBatch = batchBytes / (partitions / count)
  let total = 0
  for (let at = 0; at < count; at++) {
    const weight = longest - weights[at]! + (candidates[at] === current ? 0 : oneBatch)
    weights[at] = weight
    total += weight
  }
  return total
}
