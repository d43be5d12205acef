// Started and killed by cluster.kafka.test.ts: the processes that it started must end with it.

import { startKafka } from './index.mjs'

const kafka = await startKafka({ brokers: 1 })
console.log(JSON.stringify({ port: Number(kafka.bootstrap[0]?.split(':')[1]), dir: kafka.dir }))
setInterval(() => {}, 60_000)
