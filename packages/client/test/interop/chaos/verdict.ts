import type { GivenAssignment, WrittenCommit } from '../beside-java/group-tap.ts'
import { groupBy, HandledLog, type Stored } from '../beside-java/handled-log.ts'
import type { OwnedSpan } from '../beside-java/owned-spans.ts'
import type { Commit, Handled } from '../beside-java/reader.ts'
import { longGaps, type Outage, overlaps } from './ownership.ts'

/** What the members of one group did, and what the coordinator had of it. */
export interface GroupRecord {
  readonly groupId: string
  /** Members are distinguished by generations; false: by their own epochs (KIP-848). */
  readonly hasGenerations: boolean
  /** In a cooperative group a member keeps partitions over a generation, to give them up after it. */
  readonly cooperative: boolean
  /** By all members, Java's included. */
  readonly handled: readonly Handled[]
  /** As ottla's members wrote them. */
  readonly written: readonly WrittenCommit[]
  /** As Java's members saw them confirmed. */
  readonly confirmed: readonly Commit[]
  /** As the coordinator had them, in the order of time. */
  readonly observed: readonly Commit[]
  readonly assignments: readonly GivenAssignment[]
  readonly spans: readonly OwnedSpan[]
  /** Records that were handled without owning their partition. */
  readonly strays: readonly string[]
  /** How long a partition may have no owner while most brokers run. */
  readonly longestAllowedMs: number
  /** Why a member stopped reading. */
  readonly failures: readonly string[]
}

export interface Evidence {
  /** The values that producers got acknowledged. */
  readonly acknowledged: ReadonlySet<string>
  readonly log: readonly Stored[]
  /** The end of each partition, as `topic-number`. */
  readonly ends: ReadonlyMap<string, number>
  readonly outages: readonly Outage[]
  readonly groups: readonly GroupRecord[]
}

/** The promises that were broken, one line each. */
export function verdictOf({ acknowledged, log, ends, outages, groups }: Evidence): string[] {
  const stored = new Set(log.map(({ value }) => value))
  const lost = [...acknowledged].filter((value) => !stored.has(value))
  const problems = lost.map((value) => `the brokers lost ${value}, which was acknowledged`)
  for (const group of groups) {
    const found = [
      ...skipped(group, log),
      ...commitsAboveHandled(group, log),
      ...commitsOfOthers(group),
      ...commitsGoingBack(group),
      ...uncommitted(group, ends),
      ...overlaps(group.spans),
      ...group.strays,
      ...longGaps(group.spans, outages, group.longestAllowedMs),
      ...group.failures.map((failure) => `a reader stopped: ${failure}`),
    ]
    problems.push(...found.map((problem) => `${group.groupId}: ${problem}`))
  }
  return problems
}

function skipped({ handled }: GroupRecord, log: readonly Stored[]): string[] {
  const missing = new HandledLog(log, handled).missing()
  return missing.map(({ topic, partition, offset, value }) => `skipped ${value} (${topic}-${partition} at ${offset})`)
}

function commitsAboveHandled({ handled, written, confirmed, observed }: GroupRecord, log: readonly Stored[]): string[] {
  const judge = new HandledLog(log, handled)
  const above = (commits: readonly Commit[], whose: string) =>
    commits.flatMap(({ topic, partition, offset, atMs }) => {
      const unhandled = judge.unhandledBelow(`${topic}-${partition}`, offset, atMs)
      if (unhandled === undefined) return []
      const { value, offset: at, when } = unhandled
      return [`${whose} commit ${offset} of ${topic}-${partition} is above ${value} at ${at}, ${when}`]
    })
  return [...above(written, "ottla's"), ...above(confirmed, "Java's"), ...above(observed, 'the observed')]
}

/** A member may commit the partitions of its generation, and in a cooperative group those that it is giving up. */
function commitsOfOthers({ written, assignments, cooperative, hasGenerations }: GroupRecord): string[] {
  if (!hasGenerations) return []
  // The taps of several members have them: each its own, and the leader's those of all.
  const inOrder = [...assignments].sort((a, b) => a.generation - b.generation)
  const byMember = groupBy(inOrder, ({ memberId }) => memberId)
  const byGeneration = groupBy(assignments, ({ generation }) => String(generation))
  return written.flatMap(({ topic, partition, offset, memberId, generation, atMs }) => {
    const place = `${topic}-${partition}`
    const own = byMember.get(memberId) ?? []
    const now = own.findLast((one) => one.generation === generation)
    const before = own.filter((one) => one.generation < generation).at(-1)
    const others = (byGeneration.get(String(generation)) ?? []).filter((one) => one.memberId !== memberId)
    const owner = now?.partitions.has(place) === true
    const givesUp = cooperative && before?.partitions.has(place) === true
    const taken = others.some(({ partitions }) => partitions.has(place))
    if (owner || (givesUp && !taken)) return []
    const history = [...own, ...others.filter(({ partitions }) => partitions.has(place))].map((one) => {
      const whose = one.memberId === memberId ? '' : `${one.memberId} `
      const has = one.partitions.has(place) ? 'with' : 'without'
      return `${whose}${one.generation} ${has} it ${atMs - one.atMs} ms before`
    })
    const what = `committed ${offset} of ${place} in generation ${generation}, which it did not own`
    return [`${memberId} ${what} (${history.join(', ')})`]
  })
}

function commitsGoingBack({ observed }: GroupRecord): string[] {
  const highest = new Map<string, number>()
  return observed.flatMap(({ topic, partition, offset }) => {
    const place = `${topic}-${partition}`
    const before = highest.get(place) ?? 0
    highest.set(place, Math.max(before, offset))
    return offset < before ? [`the committed offset of ${place} went back from ${before} to ${offset}`] : []
  })
}

/** All members have closed: everything is handled, and so committed. */
function uncommitted({ observed }: GroupRecord, ends: ReadonlyMap<string, number>): string[] {
  const last = new Map(observed.map(({ topic, partition, offset }) => [`${topic}-${partition}`, offset]))
  const behind = [...ends].filter(([place, end]) => (last.get(place) ?? 0) < end)
  return behind.map(([place, end]) => `${place} is committed up to ${last.get(place) ?? 0}, its end is ${end}`)
}
