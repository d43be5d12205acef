import { type ChaosFeature, chaosFeatures, type ReaderKind } from './chaos-plan.ts'
import { ChaosWorld } from './chaos-world.ts'
import { processorFeatures } from './processing/plan.ts'
import { ProcessorWorld } from './processing/world.ts'
import { producerFeatures } from './producing/plan.ts'
import { ProducerWorld } from './producing/world.ts'

/**
 * `chaos-main consumer|producer|exactly-once FIRST COUNT STRIDE [SECONDS] [verbose] [feature,feature…] [READER]`: runs the seeds FIRST,
 * FIRST + STRIDE, … and writes one line of JSON per seed.
 */
const [role = '', first = '1', count = '1', stride = '1', seconds = '0', verbose = '', given = '', reader = ''] =
  process.argv.slice(2)

const endsAtMs = Number(seconds) > 0 ? Date.now() + Number(seconds) * 1_000 : Number.POSITIVE_INFINITY
const isVerbose = verbose === 'verbose'

function chosen<T extends string>(all: readonly T[]): readonly T[] | undefined {
  return given === '' ? undefined : all.filter((one) => given.split(',').includes(one))
}

function run(seed: number): Promise<unknown> {
  if (role === 'producer') return ProducerWorld.run({ seed, features: chosen(producerFeatures), verbose: isVerbose })
  if (role === 'exactly-once') {
    return ProcessorWorld.run({ seed, features: chosen(processorFeatures), verbose: isVerbose })
  }
  return ChaosWorld.run({
    seed,
    features: chosen<ChaosFeature>(chaosFeatures),
    reader: reader === '' ? undefined : (reader as ReaderKind),
    verbose: isVerbose,
  })
}

for (let done = 0; done < Number(count) && Date.now() < endsAtMs; done++) {
  const report = await run(Number(first) + done * Number(stride))
  process.stdout.write(`${JSON.stringify(report)}\n`)
}
