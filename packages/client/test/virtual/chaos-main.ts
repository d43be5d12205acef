import { type ChaosFeature, chaosFeatures, type ReaderKind } from './chaos-plan.ts'
import { ChaosWorld } from './chaos-world.ts'

/**
 * `chaos-main FIRST COUNT STRIDE [SECONDS] [verbose] [feature,feature…]`: runs the seeds FIRST, FIRST + STRIDE, … and writes one line
 * of JSON per seed.
 */
const [first = '1', count = '1', stride = '1', seconds = '0', verbose = '', given = '', reader = ''] =
  process.argv.slice(2)

const endsAtMs = Number(seconds) > 0 ? Date.now() + Number(seconds) * 1_000 : Number.POSITIVE_INFINITY
const features = given === '' ? undefined : chaosFeatures.filter((one) => given.split(',').includes(one))
for (let done = 0; done < Number(count) && Date.now() < endsAtMs; done++) {
  const seed = Number(first) + done * Number(stride)
  const report = await ChaosWorld.run({
    seed,
    features: features as readonly ChaosFeature[] | undefined,
    reader: reader === '' ? undefined : (reader as ReaderKind),
    verbose: verbose === 'verbose',
  })
  process.stdout.write(`${JSON.stringify(report)}\n`)
}
