// `npm run bench -- codec [--json]`: the codec beside the encoders and decoders of two other clients, in processor time.
import Table from 'cli-table3'
import { kafkaJs, platformatic, type Rival } from './codec-rivals.ts'
import { type CodecTask, codecTasks, type Way } from './codec-tasks.ts'

const rounds = 11
const sliceMs = 30

interface Result {
  readonly task: string
  readonly who: string
  /** Processor time of one run, the median of the rounds. */
  readonly microseconds: number
  readonly megabytesPerSecond?: number
  /** Our measured and required speed-up. */
  readonly ratio?: number
  readonly target?: number
  readonly note?: string
}

export async function benchCodec(options: { readonly json: boolean }): Promise<void> {
  const rivals = await available()
  const tasks = await codecTasks(rivals)
  // All tasks run once first, so that shared code is optimised for the mix of a long-lived process.
  for (const task of tasks) await task.verify()
  const results: Result[] = []
  for (const task of tasks) results.push(...(await measure(task)))
  const about = { node: process.version, rivals: rivals.map(({ name }) => name), rounds }
  if (options.json) console.log(JSON.stringify({ ...about, results }))
  else show(results, about.node)
}

async function available(): Promise<Rival[]> {
  const rivals = [kafkaJs()]
  try {
    rivals.push(await platformatic())
  } catch (error) {
    console.error(`without @platformatic/kafka, which asks for Node 22: ${(error as Error).message}`)
  }
  return rivals
}

async function measure(task: CodecTask): Promise<Result[]> {
  const ways = [task.ours, ...task.others]
  const counts = await Promise.all(ways.map(() => 1))
  for (const [i, way] of ways.entries()) counts[i] = await runsIn(way, sliceMs)
  const times = ways.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    // The order alternates, so that drift of the machine affects all clients equally.
    for (const i of round % 2 === 0 ? ways.keys() : [...ways.keys()].reverse()) {
      times[i]!.push(await microsecondsOf(ways[i]!, counts[i]!))
    }
  }
  const medians = times.map((each) => each.sort((a, b) => a - b)[rounds >> 1]!)
  return ways.map(({ name: who }, i) => {
    const microseconds = medians[i]!
    const megabytes = task.bytes === undefined ? {} : { megabytesPerSecond: task.bytes / microseconds }
    const compared = i === 0 ? {} : { ratio: microseconds / medians[0]! }
    const target = i === 0 ? task.targetMegabytes : task.targets[who]
    const rest = { ...(target !== undefined && { target }), ...(task.note !== undefined && { note: task.note }) }
    return { task: task.name, who, microseconds, ...megabytes, ...compared, ...rest }
  })
}

/** The number of runs that take about `ms`, found by running, which also warms up the code. */
async function runsIn(way: Way, ms: number): Promise<number> {
  for (let runs = 4; ; runs *= 2) {
    const taken = (await microsecondsOf(way, runs)) * runs
    if (taken > ms * 1000) return Math.max(1, Math.round((runs * ms * 1000) / taken))
  }
}

let sink: unknown

async function microsecondsOf(way: Way, runs: number): Promise<number> {
  const begun = process.cpuUsage()
  for (let i = 0; i < runs; i++) {
    const result = way.run()
    // Awaiting a value that is not a promise would be measured too.
    sink = result instanceof Promise ? await result : result
  }
  const { user, system } = process.cpuUsage(begun)
  if (sink === undefined) throw new Error(`${way.name} returned nothing`)
  return (user + system) / runs
}

function show(results: readonly Result[], node: string): void {
  const table = new Table({
    head: [`processor time, median of ${rounds} (Node ${node.slice(1)})`, 'who', 'µs', 'MB/s', 'ours is', 'target'],
    style: { head: [], border: [], compact: true },
  })
  for (const { task, who, microseconds, megabytesPerSecond, ratio, target, note } of results) {
    const isOurs = ratio === undefined
    const unit = isOurs ? 'MB/s' : '×'
    table.push([
      isOurs ? (note === undefined ? task : `${task} (${note})`) : '',
      who,
      microseconds.toFixed(1),
      megabytesPerSecond?.toFixed(0) ?? '',
      isOurs ? '' : `${ratio.toFixed(1)} × as quick`,
      target === undefined ? '' : `${target} ${unit}${reached(isOurs ? megabytesPerSecond! : ratio, target)}`,
    ])
  }
  console.log(table.toString())
}

function reached(measured: number, target: number): string {
  return measured >= target ? '' : ' MISSED'
}
