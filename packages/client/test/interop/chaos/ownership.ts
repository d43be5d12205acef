import { groupBy } from '../beside-java/handled-log.ts'
import type { OwnedSpan } from '../beside-java/owned-spans.ts'
import type { Handled } from '../beside-java/reader.ts'

/** A time in which brokers were down, wall time. */
export interface Outage {
  readonly fromMs: number
  readonly toMs: number
}

/** A time in which no member owned a partition. */
export interface Gap {
  readonly place: string
  readonly fromMs: number
  readonly ms: number
}

/** A member that was not lost or killed gives a partition up before another one owns it. */
export function overlaps(spans: readonly OwnedSpan[]): string[] {
  return [...groupBy(spans, ({ place }) => place)].flatMap(([place, own]) => {
    const inOrder = [...own].sort((a, b) => a.fromMs - b.fromMs)
    return inOrder.flatMap((before, i) => {
      if (before.end === 'lost' || before.end === 'crashed') return []
      const after = inOrder.slice(i + 1).find(({ member, fromMs }) => member !== before.member && fromMs < before.toMs)
      if (after === undefined) return []
      const until = before.end === 'open' ? 'had it still' : `released it ${before.toMs - after.fromMs} ms later`
      return [`${place} belonged to ${after.member} when ${before.member} ${until}`]
    })
  })
}

/** A record that a member handled after it had given its partition up. */
export function handledWithoutOwning(
  spans: readonly OwnedSpan[],
  handled: readonly Handled[],
  member: string,
): string[] {
  const own = groupBy(
    spans.filter((span) => span.member === member),
    ({ place }) => place,
  )
  return handled.flatMap(({ topic, partition, offset, atMs }) => {
    const place = `${topic}-${partition}`
    const inTime = (own.get(place) ?? []).some(({ fromMs, toMs, end }) => {
      // A loss is noticed late, and its handler ends after it.
      return fromMs <= atMs && (end === 'lost' || atMs <= toMs)
    })
    return inTime ? [] : [`${member} handled ${place} at ${offset} although it did not own it`]
  })
}

/** The times without an owner, from the first owner to the last, the longest first. */
export function gapsOf(spans: readonly OwnedSpan[]): Gap[] {
  const gaps = [...groupBy(spans, ({ place }) => place)].flatMap(([place, own]) => {
    const inOrder = [...own].sort((a, b) => a.fromMs - b.fromMs)
    let ownedUntilMs = inOrder[0]?.fromMs ?? 0
    return inOrder.flatMap(({ fromMs, toMs }) => {
      const gap = { place, fromMs: ownedUntilMs, ms: fromMs - ownedUntilMs }
      ownedUntilMs = Math.max(ownedUntilMs, toMs)
      return gap.ms > 0 ? [gap] : []
    })
  })
  return gaps.sort((a, b) => b.ms - a.ms)
}

/** What is left of a gap without the outages. */
function msWithout(gap: Gap, outages: readonly Outage[]): number {
  const toMs = gap.fromMs + gap.ms
  const inOrder = [...outages].sort((a, b) => a.fromMs - b.fromMs)
  let coveredUntilMs = gap.fromMs
  let downMs = 0
  for (const outage of inOrder) {
    const from = Math.max(coveredUntilMs, outage.fromMs)
    const to = Math.min(toMs, outage.toMs)
    if (to <= from) continue
    downMs += to - from
    coveredUntilMs = to
  }
  return gap.ms - downMs
}

/** A partition that had no owner for longer than the group may take. */
export function longGaps(spans: readonly OwnedSpan[], outages: readonly Outage[], limitMs: number): string[] {
  return gapsOf(spans).flatMap((gap) => {
    const ms = msWithout(gap, outages)
    return ms > limitMs
      ? [`${gap.place} had no owner for ${ms} ms (${gap.ms} with outages), the limit is ${limitMs} ms`]
      : []
  })
}
