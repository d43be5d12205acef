// `npm run soak -- producer [--minutes 30] [--rate 50000]`: one producer at a steady rate on a real Kafka of one broker. Its memory
// must be flat, and the event loop free: p99 of the delay below 20 ms.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { startKafka } from '../tools/kafka/index.mjs'
import { root } from './lib/npx.mjs'
import { withProgram } from './lib/run-typescript.mjs'

/** @typedef {import('../packages/client/test/interop/producing/soak-program.ts').SoakSample} SoakSample */

const limitMs = 20
const mostGrowthBytes = 16 << 20
const leastShare = 0.98
const topic = 'soak'
const folder = join(root, 'packages/client')

const mb = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(1)

const { values } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '30' }, rate: { type: 'string', default: '50000' } },
})
const [minutes = 0, rate = 0] = [values.minutes, values.rate].map(Number)
if (!(minutes > 0 && rate > 0)) {
  console.error('usage: npm run soak -- producer [--minutes 30] [--rate 50000]')
  process.exit(2)
}

/** @type {SoakSample[]} */
const samples = []
const seconds = Math.round(minutes * 60)
const config = { 'log.retention.bytes': 256 << 20, 'log.segment.bytes': 64 << 20 }
const kafka = await startKafka({ brokers: 1, config, jvmFlags: ['-Xmx1g', '-Xms1g', '-XX:+UseG1GC'] })
try {
  await withProgram(folder, 'test/interop/producing/soak-program.ts', async (command) => {
    const args = ['--expose-gc', ...command, kafka.bootstrap.join(','), topic, String(seconds), String(rate)]
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    for await (const line of createInterface({ input: child.stdout })) note(JSON.parse(line))
    const [code] = await ended
    if (code !== 0) throw new Error(`The producer's program ended with ${code}`)
  })
} finally {
  await kafka.close()
}

/** @param {SoakSample} sample */
function note(sample) {
  samples.push(sample)
  const { acknowledged, failed, delayP99Ms, delayMaxMs, usedBytes, residentBytes } = sample
  const memory = `${mb(usedBytes)} MB used, ${mb(residentBytes)} MB resident`
  const delays = `event loop p99 ${delayP99Ms.toFixed(1)} ms, at most ${delayMaxMs.toFixed(1)} ms`
  console.log(`${sample.seconds} s: ${acknowledged} acknowledged, ${failed} failed; ${memory}; ${delays}`)
}

/** The median of the samples in this part of the run, so that one that met full buffers does not decide. */
const medianOf = (/** @type {number} */ from, /** @type {number} */ to) => {
  const part = samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to))
  return part.map(({ usedBytes }) => usedBytes).sort((a, b) => a - b)[Math.floor(part.length / 2)] ?? 0
}
const growth = medianOf(0.75, 1) - medianOf(0.25, 0.5)
const delays = samples.map(({ delayP99Ms }) => delayP99Ms).sort((a, b) => a - b)
const medianDelay = delays[Math.floor(delays.length / 2)] ?? 0
const last = samples.at(-1)
const share = (last?.acknowledged ?? 0) / (seconds * rate)
const isGood = growth < mostGrowthBytes && medianDelay < limitMs && share > leastShare && last?.failed === 0
console.log(
  `memory grew by ${mb(growth)} MB; event loop p99 ${medianDelay.toFixed(1)} ms (median of ${delays.length} samples)`,
)
console.log(`${(share * 100).toFixed(1)} % of ${rate} records/s acknowledged: ${isGood ? 'good' : 'NOT good'}`)
process.exit(isGood ? 0 : 1)
