import type { PartitionImage } from './metadata-view.ts'

export interface ElectionRules {
  /** Registered, not fenced. */
  readonly isAlive: (brokerId: number) => boolean
  /** The topic's unclean.leader.election.enable, or a requested unclean election. */
  readonly unclean: boolean
  /** Prefer the first replica over the current leader. */
  readonly preferred?: boolean
  /** The topic's min.insync.replicas: below it, replicas that leave the ISR become eligible leaders. Default 1. */
  readonly minIsr?: number
  /** KIP-966 is enabled: the ISR may be empty, and there are eligible leader replicas. */
  readonly isElrOn?: boolean
}

/** The fields to change. */
export interface PartitionChange {
  readonly isr?: readonly number[]
  readonly replicas?: readonly number[]
  readonly adding?: readonly number[]
  readonly removing?: readonly number[]
  /** A broker that restarted after an unclean shutdown: it may have lost records. */
  readonly uncleanShutdown?: number
}

/** The next version of a partition under construction. */
interface Target {
  isr: readonly number[]
  replicas: readonly number[]
  adding: readonly number[]
  removing: readonly number[]
  elr: readonly number[]
}

const none: readonly number[] = []

/**
 * The next version of a partition: completes a reassignment when its replicas are in sync, keeps eligible leaders while too few
 * replicas are in sync, and elects a leader if necessary. Returns the same image when nothing changes.
 */
export function changed(image: PartitionImage, change: PartitionChange, rules: ElectionRules): PartitionImage {
  const target: Target = {
    isr: change.isr ?? image.isr,
    replicas: change.replicas ?? image.replicas,
    adding: change.adding ?? image.adding ?? none,
    removing: change.removing ?? image.removing ?? none,
    elr: image.elr ?? none,
  }
  completeReassignment(target)
  if (rules.isElrOn) target.elr = eligible(image, target, change.uncleanShutdown, rules.minIsr ?? 1)
  const elected = electedBy(image, target, rules)
  if (elected.leader !== image.leader) {
    if (elected.isUnclean || target.elr.includes(elected.leader)) target.isr = [elected.leader]
    target.elr = elected.isUnclean ? none : target.elr.filter((id) => id !== elected.leader)
  }
  if (!rules.isElrOn) {
    target.elr = none
    // The last member is kept, because only it has all records.
    if (target.isr.length === 0) target.isr = image.isr
  }
  return withTarget(image, target, elected.leader, rules)
}

/** Removes the replicas to be removed once all target replicas are in sync. */
function completeReassignment(target: Target): void {
  const { adding, removing } = target
  if (adding.length + removing.length === 0) return
  const isr = target.isr.filter((id) => !removing.includes(id))
  const replicas = target.replicas.filter((id) => !removing.includes(id))
  if (isr.length === 0 || replicas.length === 0 || !replicas.every((id) => isr.includes(id))) return
  Object.assign(target, { isr, replicas, adding: none, removing: none })
}

/**
 * A replica that leaves the ISR while it is below min.insync.replicas has all committed records, because nothing is committed
 * below that size. Removed replicas are not eligible: they would return with an empty log.
 */
function eligible(
  image: PartitionImage,
  { isr, replicas, elr }: Target,
  uncleanShutdown: number | undefined,
  minIsr: number,
): readonly number[] {
  if (isr.length >= Math.min(minIsr, replicas.length)) return none
  const candidates = new Set([...elr, ...image.isr])
  return [...candidates].filter((id) => replicas.includes(id) && !isr.includes(id) && id !== uncleanShutdown)
}

interface Elected {
  readonly leader: number
  readonly isUnclean: boolean
}

/**
 * Elects the current leader while it is alive and in sync, else the first live in-sync replica in replica order; without an
 * in-sync replica an eligible one, or the last known leader; else, with unclean election, any live replica.
 */
function electedBy(
  image: PartitionImage,
  target: Target,
  { isAlive, unclean, preferred, isElrOn }: ElectionRules,
): Elected {
  const { replicas, isr, elr } = target
  const isClean = (id: number) => isAlive(id) && (isr.includes(id) || (isr.length === 0 && elr.includes(id)))
  const first = replicas[0]
  if (preferred && first !== undefined && isClean(first)) return { leader: first, isUnclean: false }
  if (isClean(image.leader)) return { leader: image.leader, isUnclean: false }
  const clean = replicas.find(isClean)
  if (clean !== undefined) return { leader: clean, isUnclean: false }
  const last = image.lastKnownElr?.[0]
  const isLost = isElrOn === true && isr.length === 0 && elr.length === 0
  if (isLost && last !== undefined && replicas.includes(last) && isAlive(last)) return { leader: last, isUnclean: true }
  const any = unclean ? replicas.find(isAlive) : undefined
  return { leader: any ?? -1, isUnclean: any !== undefined }
}

function withTarget(image: PartitionImage, target: Target, leader: number, rules: ElectionRules): PartitionImage {
  const { isr, replicas, adding, removing, elr } = target
  const isReplicaGone = !image.replicas.every((id) => replicas.includes(id))
  // Removed replicas see the removal by the new epoch, even if the leader is the same.
  const leaderEpoch = image.leaderEpoch + (leader !== image.leader || isReplicaGone ? 1 : 0)
  const lastKnownElr = lastKnown(image, isr, leader, rules)
  const next: PartitionImage = {
    partition: image.partition,
    replicas: isSame(replicas, image.replicas) ? image.replicas : replicas,
    isr: isSame(isr, image.isr) ? image.isr : isr,
    leader,
    leaderEpoch,
    partitionEpoch: image.partitionEpoch,
    ...(adding.length > 0 && { adding }),
    ...(removing.length > 0 && { removing }),
    ...(elr.length > 0 && { elr }),
    ...(lastKnownElr.length > 0 && { lastKnownElr }),
  }
  return isEqual(image, next) ? image : next
}

/** The last leader before the ISR became empty, until a leader is elected. */
function lastKnown(image: PartitionImage, isr: readonly number[], leader: number, { isElrOn }: ElectionRules) {
  const known = image.lastKnownElr ?? none
  if (!isElrOn || leader !== -1) return none
  return isr.length === 0 && image.leader !== -1 ? [image.leader] : known
}

function isEqual(a: PartitionImage, b: PartitionImage): boolean {
  return (
    a.leader === b.leader &&
    a.leaderEpoch === b.leaderEpoch &&
    isSame(a.isr, b.isr) &&
    isSame(a.replicas, b.replicas) &&
    isSame(a.adding, b.adding) &&
    isSame(a.removing, b.removing) &&
    isSame(a.elr, b.elr) &&
    isSame(a.lastKnownElr, b.lastKnownElr)
  )
}

function isSame(a: readonly number[] = none, b: readonly number[] = none): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at])
}

/** Raises the partition epoch by one for all changes since `before`. */
export function asNextVersion(before: PartitionImage, after: PartitionImage): PartitionImage {
  return after === before ? before : { ...after, partitionEpoch: before.partitionEpoch + 1 }
}
