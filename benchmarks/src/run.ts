// `npm run bench -- produce consume [--brokers LIST] [--records N] [--runs N] [--peers] [--only NAME,…] [--json]`; `npm run bench -- codec|testkit|partitions|scale|typed [--json]`
import { parseArgs } from 'node:util'
import { startKafka } from '../../tools/kafka/index.mjs'
import { benchCodec } from './codec.ts'
import { benchConsume } from './consuming/bench.ts'
import { benchPartitions } from './partitions.ts'
import { benchProduce } from './producing/bench.ts'
import { benchScale } from './scale.ts'
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
const alone = {
  codec: benchCodec,
  testkit: benchTestkit,
  partitions: benchPartitions,
  scale: benchScale,
  typed: benchTyped,
}
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
  console.error(
    `no benchmark ${unknown.join(', ')}: there are produce, consume, codec, testkit, partitions, scale and typed`,
  )
  process.exit(2)
}

async function main(): Promise<void> {
  const kafka =
    values.brokers === undefined
      ? await startKafka({ brokers: 1, jvmFlags: ['-Xmx1g', '-Xms1g', '-XX:+UseG1GC'] })
      : undefined
  const brokers = kafka?.bootstrap ?? values.brokers?.split(',') ?? []
  const { peers, json } = values
  const only = values.only.split(',').filter((name) => name !== '')
  const options = { brokers, records: Number(values.records), runs: Number(values.runs), peers, only, json }
  try {
    if (wanted.includes('produce')) await benchProduce(options)
    if (wanted.includes('consume')) await benchConsume(options)
  } finally {
    await kafka?.close()
  }
}

await main()
