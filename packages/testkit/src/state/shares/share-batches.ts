/** Records of a share partition in the same state, as stored in __share_group_state. */
export interface StateBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  /** Kafka's numbers: 0 available, 2 acknowledged, 4 archived. */
  readonly deliveryState: number
  readonly deliveryCount: number
}

/** Merges newer states into older ones: where batches overlap, the higher delivery count wins, then the later state. */
export function combineBatches(
  before: readonly StateBatch[],
  newer: readonly StateBatch[],
  startOffset: number,
): readonly StateBatch[] {
  const batches = [...before, ...newer].flatMap((batch) => prune(batch, startOffset))
  if (batches.length < 2) return batches
  const bounds = new Set<number>()
  for (const { firstOffset, lastOffset } of batches) bounds.add(firstOffset).add(lastOffset + 1)
  const cuts = [...bounds].sort((a, b) => a - b)
  const sorted = batches.sort((a, b) => a.firstOffset - b.firstOffset)
  const combined: StateBatch[] = []
  let active: StateBatch[] = []
  let next = 0
  for (const [index, cut] of cuts.slice(0, -1).entries()) {
    active = active.filter(({ lastOffset }) => lastOffset >= cut)
    for (; sorted[next]?.firstOffset === cut; next++) active.push(sorted[next] as StateBatch)
    const [first, ...others] = active
    if (first === undefined) continue
    const best = others.reduce((most, each) => (isFurther(each, most) ? each : most), first)
    addTo(combined, { ...best, firstOffset: cut, lastOffset: (cuts[index + 1] as number) - 1 })
  }
  return combined
}

function prune(batch: StateBatch, startOffset: number): StateBatch[] {
  if (startOffset === -1 || batch.firstOffset >= startOffset) return [batch]
  return batch.lastOffset < startOffset ? [] : [{ ...batch, firstOffset: startOffset }]
}

function addTo(combined: StateBatch[], batch: StateBatch): void {
  const last = combined.at(-1)
  const continues =
    last !== undefined &&
    last.lastOffset + 1 === batch.firstOffset &&
    last.deliveryCount === batch.deliveryCount &&
    last.deliveryState === batch.deliveryState
  if (continues) combined[combined.length - 1] = { ...last, lastOffset: batch.lastOffset }
  else combined.push(batch)
}

function isFurther(a: StateBatch, b: StateBatch): boolean {
  return a.deliveryCount === b.deliveryCount ? a.deliveryState > b.deliveryState : a.deliveryCount > b.deliveryCount
}
