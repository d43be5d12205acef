// `npm run fuzz -- codec [--runs N] [--seed N] [--only RUN]`
import { parseArgs } from 'node:util'
import { fuzz } from './fuzz.ts'

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
})
const runs = Number(values.runs)
const seed = Number(values.seed)

/** Includes headroom for garbage that has not been collected. */
const mostResidentMiB = 400

const begun = process.cpuUsage()
const { tallies, failures, outliers, mostAllocatedBytes } = await fuzz({
  runs,
  seed,
  only: values.only === undefined ? undefined : Number(values.only),
  onProgress: (done) => {
    if (done % 100_000 === 0) console.error(`${done} of ${runs}`)
  },
})
const { user, system } = process.cpuUsage(begun)
const residentMiB = Math.round(process.resourceUsage().maxRSS / 1024)

for (const [name, tally] of tallies) {
  const { refused, slowestMs } = tally
  const read = tally.runs - refused
  console.log(
    `${name.padEnd(14)}${String(tally.runs).padStart(8)} runs: ${refused} refused with DecodeError, ${read} read; ` +
      `slowest ${slowestMs.toFixed(1)} ms`,
  )
}
for (const { run, target, label, reason, hex } of failures.slice(0, 20)) {
  console.log(`\nFAILED run ${run} (--seed ${seed} --only ${run}), ${target}, ${label}: ${reason}\n${hex}`)
}
console.log(
  `${runs} runs of seed ${seed}, ${failures.length} failed; ${outliers} measured again; at most ` +
    `${(mostAllocatedBytes / 2 ** 20).toFixed(1)} MiB requested in one call, ${residentMiB} MiB resident; ` +
    `${((user + system) / 1e6).toFixed(0)} s of processor time`,
)
process.exit(failures.length > 0 || residentMiB > mostResidentMiB ? 1 : 0)
