// One run of one client in a separate process: `worker.js CLIENT MEASURE TASK`, the result as JSON on stdout.
import type { Contender, Task } from './contender.ts'
import { kafkajs } from './contenders/kafkajs.ts'
import { ottla } from './contenders/ottla.ts'

export const contenders = { ottla, kafkajs } as const satisfies Record<string, Contender>

const [client, measure, task] = process.argv.slice(2)
const contender = contenders[client as keyof typeof contenders]
const measured = await contender[measure as keyof Contender](JSON.parse(task ?? '') as Task)
process.stdout.write(`${JSON.stringify(measured)}\n`)
