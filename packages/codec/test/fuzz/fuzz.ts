import { UnsupportedCompression } from '../../src/compression/codec.ts'
import { DecodeError } from '../../src/wire/decode-error.ts'
import { type Random, seeded } from '../samples.ts'
import { allocatedBytes, watchAllocations } from './allocations.ts'
import { type Attempt, allTargets, limitBytes, type Target } from './targets.ts'

/** Maximum processor time for 64 KiB of input. */
const cpuMsPer64KiB = 50

/** How often a slow attempt is measured again, because one measurement on a busy machine is unreliable. */
const repeats = 3

/**
 * What a reader may allocate for one input: a multiple of the input, plus for a decompressor its limit, twice while it grows,
 * plus slabs.
 */
const mostAllocated = (inputBytes: number) => 64 * inputBytes + 4 * limitBytes

export interface FuzzOptions {
  readonly runs: number
  readonly seed: number
  /** Only this run, to see again what was reported. */
  readonly only?: number | undefined
  readonly onProgress?: ((done: number) => void) | undefined
}

export interface Failure {
  readonly run: number
  readonly target: string
  readonly label: string
  readonly reason: string
  readonly hex: string
}

export interface Tally {
  runs: number
  /** Ended in a DecodeError; the other runs read the bytes to the end. */
  refused: number
  slowestMs: number
}

export interface FuzzReport {
  readonly tallies: ReadonlyMap<string, Tally>
  readonly failures: readonly Failure[]
  readonly outliers: number
  readonly mostAllocatedBytes: number
}

/** Feeds corrupted bytes to all readers. The same seed repeats the same numbered runs. */
export async function fuzz({ runs, seed, only, onProgress }: FuzzOptions): Promise<FuzzReport> {
  const targets = await allTargets(seed)
  const tallies = new Map(targets.map(({ name }) => [name, { runs: 0, refused: 0, slowestMs: 0 }]))
  const failures: Failure[] = []
  let outliers = 0
  let mostAllocatedBytes = 0
  const unwatch = watchAllocations()
  try {
    for (let run = only ?? 0; run < (only === undefined ? runs : only + 1); run++) {
      const random = seeded(Math.imul(seed, 0x9e3779b1) ^ Math.imul(run + 1, 0x85ebca6b))
      const { name, attempt } = choose(targets, random)
      const tried = attempt(random)
      const { bytes, label } = tried
      const fail = (reason: string) =>
        failures.push({ run, target: name, label, reason, hex: bytes.subarray(0, 2000).toString('hex') })
      const tally = tallies.get(name)!
      const { outcome, ms, allocated } = await once(tried)
      tally.runs++
      tally.slowestMs = Math.max(tally.slowestMs, ms)
      mostAllocatedBytes = Math.max(mostAllocatedBytes, allocated)
      if (outcome === 'refused') tally.refused++
      else if (outcome !== 'read') fail(outcome)
      if (allocated > mostAllocated(bytes.length)) fail(`${allocated} bytes allocated for ${bytes.length} of input`)
      const allowedMs = cpuMsPer64KiB * Math.max(1, bytes.length / 65536)
      if (ms > allowedMs) {
        outliers++
        const again = await leastCpuMs(tried)
        if (again > allowedMs) fail(`${again.toFixed(0)} ms of processor time for ${bytes.length} bytes`)
      }
      // Native memory is released only between turns of the event loop, and most attempts never wait.
      if (run % 256 === 255) await new Promise((resolve) => setImmediate(resolve))
      if (run % 10_000 === 9999) onProgress?.(run + 1)
    }
  } finally {
    unwatch()
  }
  return { tallies, failures, outliers, mostAllocatedBytes }
}

function choose(targets: readonly Target[], random: Random): Target {
  const drawn = random(10_000)
  let end = 0
  return targets.find(({ share }) => {
    end += share
    return drawn < end
  })!
}

interface Measured {
  /** 'read', 'refused', or what went wrong. */
  readonly outcome: string
  /** Wall time: an upper bound of processor time that costs little to take. */
  readonly ms: number
  readonly allocated: number
}

async function once(attempt: Attempt): Promise<Measured> {
  const before = allocatedBytes()
  const begun = performance.now()
  const outcome = await outcomeOf(attempt)
  return { outcome, ms: performance.now() - begun, allocated: allocatedBytes() - before }
}

async function outcomeOf({ run }: Attempt): Promise<string> {
  try {
    const pending = run()
    // Most readers are synchronous and need no turn of the event loop.
    if (pending !== undefined) await pending
    return 'read'
  } catch (error) {
    if (error instanceof DecodeError || error instanceof UnsupportedCompression) return 'refused'
    return error instanceof Error ? `${error.name}: ${error.stack}` : `thrown: ${String(error)}`
  }
}

async function leastCpuMs(attempt: Attempt): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < repeats; i++) {
    const begun = process.cpuUsage()
    await outcomeOf(attempt)
    const { user, system } = process.cpuUsage(begun)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}
