import type { ChaosReport } from './chaos-record.ts'

const seedsABlock = 50

/** The seeds that CI runs: the first and the last of each block. */
export function seedBlocks(seeds: number): [first: number, last: number][] {
  return Array.from({ length: seeds / seedsABlock }, (_, at) => [at * seedsABlock + 1, (at + 1) * seedsABlock])
}

/** The first findings of each seed, and how often each dimension occurred. */
export async function findings(first: number, last: number, run: (seed: number) => Promise<ChaosReport>) {
  const found: string[] = []
  const counts = new Map<string, number>()
  for (let seed = first; seed <= last; seed++) {
    const { violations, stalls, counts: more } = await run(seed)
    found.push(...violations.slice(0, 1), ...stalls.slice(0, 1))
    for (const [dimension, times] of Object.entries(more)) counts.set(dimension, (counts.get(dimension) ?? 0) + times)
  }
  return { found, counts }
}
