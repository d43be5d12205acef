// Started by cluster.kafka.test.ts, and killed: what it started must go with it.

import { startKafka } from './index.mjs'

const kafka = await startKafka({ brokers: 1 })
console.log(JSON.stringify({ port: Number(kafka.bootstrap[0]?.split(':')[1]), dir: kafka.dir }))
setInterval(() => {}, 60_000)
