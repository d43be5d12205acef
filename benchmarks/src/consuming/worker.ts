// One run of one client in a process of its own: `consuming-worker.js TASK`, the result as JSON on stdout.
import { type ConsumeTask, runTask } from './tasks.ts'

const measured = await runTask(JSON.parse(process.argv[2] ?? '') as ConsumeTask)
// Not every client ends all that it started.
process.stdout.write(JSON.stringify(measured), () => process.exit())
