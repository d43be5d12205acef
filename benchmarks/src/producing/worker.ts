// One run of one client in a process of its own: `producing-worker.js TASK`, the result as JSON on stdout.
import { type ProduceTask, runTask } from './tasks.ts'

const measured = await runTask(JSON.parse(process.argv[2] ?? '') as ProduceTask)
process.stdout.write(JSON.stringify(measured ?? null))
// Not every client ends all that it started.
process.stdout.once('drain', () => process.exit())
if (process.stdout.writableLength === 0) process.exit()
