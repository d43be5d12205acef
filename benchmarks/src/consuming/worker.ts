// One run of one client in a process of its own: `consuming-worker.js CLIENT TASK`, the result as JSON on stdout.
import { consumeWithKafkaJs } from './kafkajs.ts'
import { consumeWithOttla } from './ottla.ts'
import type { ConsumeTask } from './task.ts'

const [client, task] = process.argv.slice(2)
const consume = client === 'ottla' ? consumeWithOttla : consumeWithKafkaJs
const measured = await consume(JSON.parse(task ?? '') as ConsumeTask)
process.stdout.write(`${JSON.stringify(measured)}\n`)
