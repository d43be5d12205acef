// One processor as an own process, for chaos.ts: `node processor-program.mjs OPTIONS`, a JSON object with `bootstrap` (a list), `from`, `to`,
// `errorOf` (of that many handlers one fails), and what `kafka.processTransactionally` takes. Prints `ready`, and its counts every
// second, as JSON. SIGTERM closes it; a failure is the last line, `failed CODE MESSAGE`, and exit code 3.

import { Kafka } from 'ottla'

const { bootstrap, from, to, errorOf, ...options } = JSON.parse(process.argv[2] ?? '{}')
const kafka = new Kafka({
  brokers: bootstrap,
  requestTimeoutMs: 10_000,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
})
let calls = 0
const processor = kafka.processTransactionally({
  ...options,
  topics: [from],
  offsetReset: 'earliest',
  each: (message, tx) => {
    tx.enqueue({ topic: to, value: message.value, key: message.key })
    if (++calls % errorOf === 0) throw new Error('now and then')
  },
  retry: { attempts: 1_000, backoffMs: [10, 200] },
  retryTimeoutMs: 3_600_000,
})
const report = () => console.log(JSON.stringify(processor.counts))
const timer = setInterval(report, 1_000)
process.on('SIGTERM', () => void processor.close())
processor.ready({ timeoutMs: 3_600_000 }).then(
  () => console.log('ready'),
  () => {},
)
try {
  await processor.done
  report()
} catch (error) {
  console.log(`failed ${error.code} ${error.message}`)
  process.exitCode = 3
}
clearInterval(timer)
await kafka.close()
