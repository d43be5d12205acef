import type { PartitionImage } from './metadata-view.ts'

export interface ElectionRules {
  /** Registered, not fenced. */
  readonly isAlive: (brokerId: number) => boolean
  /** unclean.leader.election.enable of the topic, or an election asked for as unclean. */
  readonly unclean: boolean
  /** Prefer the first replica to the leader at hand. */
  readonly preferred?: boolean
}

/**
 * The partition after its leader was chosen anew: the leader at hand while it lives and is in sync, else the first live
 * replica in sync in the order of the replicas, else any live one when losing records is allowed, else none.
 * The same image when nothing changes.
 */
export function elect(image: PartitionImage, rules: ElectionRules): PartitionImage {
  const { replicas, isr } = image
  const isClean = (id: number) => rules.isAlive(id) && isr.includes(id)
  const first = replicas[0]
  if (rules.preferred && first !== undefined && isClean(first)) return withLeader(image, first, isr)
  if (isClean(image.leader)) return image
  const clean = replicas.find(isClean)
  if (clean !== undefined) return withLeader(image, clean, isr)
  const any = rules.unclean ? replicas.find(rules.isAlive) : undefined
  if (any !== undefined) return withLeader(image, any, [any])
  return withLeader(image, -1, isr)
}

/** The partition after a broker left the ISR; the last member stays, for only it has all records. */
export function withoutInIsr(image: PartitionImage, brokerId: number): PartitionImage {
  if (!image.isr.includes(brokerId) || image.isr.length === 1) return image
  return { ...image, isr: image.isr.filter((id) => id !== brokerId) }
}

/** One step of the partition's epoch for all that changed since `before`. */
export function asNextVersion(before: PartitionImage, after: PartitionImage): PartitionImage {
  return after === before ? before : { ...after, partitionEpoch: before.partitionEpoch + 1 }
}

function withLeader(image: PartitionImage, leader: number, isr: readonly number[]): PartitionImage {
  if (leader === image.leader) return image
  return { ...image, leader, isr, leaderEpoch: image.leaderEpoch + 1 }
}
