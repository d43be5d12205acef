// `npm run bench -- produce consume [--brokers LIST] [--records N] [--runs N] [--json]`, with `produce` also `--peers` and
// `--only NAME,…`; `npm run bench -- codec|testkit|partitions|typed [--json]`
import { parseArgs } from 'node:util'
import { startKafka } from '../../tools/kafka/index.mjs'
import { benchCodec } from './codec.ts'
import { benchConsume } from './consuming/bench.ts'
import { benchPartitions } from './partitions.ts'
import { benchProduce } from './producing/bench.ts'
import { benchTestkit } from './testkit.ts'
import { benchTyped } from './typed.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    brokers: { type: 'string' },
    records: { type: 'string', default: '3000000' },
    runs: { type: 'string', default: '5' },
    peers: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
})
const wanted = positionals.length === 0 ? ['produce', 'consume'] : positionals
const alone = { codec: benchCodec, testkit: benchTestkit, partitions: benchPartitions, typed: benchTyped }
for (const [name, bench] of Object.entries(alone)) {
  if (!wanted.includes(name)) continue
  if (wanted.length > 1) {
    console.error(`${name} is measured alone`)
    process.exit(2)
  }
  await bench({ json: values.json })
  process.exit()
}
const unknown = wanted.filter((name) => name !== 'produce' && name !== 'consume')
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}: there are produce, consume, codec, testkit, partitions and typed`)
  process.exit(2)
}

async function main(): Promise<void> {
  const kafka =
    values.brokers === undefined
      ? await startKafka({ brokers: 1, jvmFlags: ['-Xmx1g', '-Xms1g', '-XX:+UseG1GC'] })
      : undefined
  const brokers = kafka?.bootstrap ?? values.brokers?.split(',') ?? []
  const options = { brokers, records: Number(values.records), runs: Number(values.runs), json: values.json }
  const only = values.only.split(',').filter((name) => name !== '')
  try {
    if (wanted.includes('produce')) await benchProduce({ ...options, peers: values.peers, only })
    if (wanted.includes('consume')) await benchConsume(options)
  } finally {
    await kafka?.close()
  }
}

await main()
