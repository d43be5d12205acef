import { Load, valuesOf } from './load.ts'
import { type Program, startProgram } from './program.ts'

export interface CrashOptions {
  /** The program, a file for Node. */
  readonly cli: string
  readonly dataDir: string
  readonly fsync: 'os' | 'always'
  readonly kills: number
  /** From 0 to 1: when the next kill comes. */
  readonly random: () => number
  /** The longest time between a start and a kill. */
  readonly upToMs: number
  readonly acks?: number
  /** Told after each kill. */
  readonly onKill?: (text: string) => void
}

export interface CrashReport {
  readonly kills: number
  readonly acknowledged: number
  /** What was not as it was acknowledged; empty when all is well. */
  readonly problems: readonly string[]
  readonly slowestStartMs: number
}

const topic = 'crash'
const partitions = 4

/** Kills the program again and again while producers write to it, and then looks for what was acknowledged. */
export async function crash(options: CrashOptions): Promise<CrashReport> {
  const { cli, dataDir, fsync, kills, random, upToMs, acks } = options
  const args = ['--brokers', '3', '--port', '0', '--data-dir', dataDir, '--fsync', fsync]
  const size = ['--topic', `${topic}:${partitions}:3`]
  const start = async (): Promise<Program> => startProgram(cli, [...args, ...size])
  let program = await start()
  let slowestStartMs = program.startedInMs
  const load = new Load(program.bootstrap, { topic, partitions, ...(acks !== undefined && { acks }) })
  load.start()
  await load.reaches(1)
  for (let kill = 1; kill <= kills; kill++) {
    await new Promise((resolve) => setTimeout(resolve, random() * upToMs))
    await program.kill()
    program = await start()
    slowestStartMs = Math.max(slowestStartMs, program.startedInMs)
    load.moveTo(program.bootstrap)
    options.onKill?.(
      `kill ${kill}: ${load.acknowledged} acknowledged, up again in ${Math.round(program.startedInMs)} ms`,
    )
  }
  // The last start has to serve too.
  await load.reaches(load.acknowledged + 100)
  await load.stop()
  const problems: string[] = []
  for (const [partition, { acknowledged }] of load.written.entries()) {
    problems.push(...problemsOf(partition, await valuesOf(program.bootstrap, topic, partition), acknowledged))
  }
  load.close()
  const exitCode = await program.stop()
  if (exitCode !== 0) problems.push(`it ended with ${exitCode}`)
  return { kills, acknowledged: load.acknowledged, problems, slowestStartMs }
}

/** All from 0 to the last that was acknowledged have to be there, each once and in order. */
function problemsOf(partition: number, values: readonly string[], acknowledged: number): string[] {
  const wrong = values.findIndex((value, index) => value !== String(index))
  if (wrong >= 0) return [`partition ${partition}: ${values[wrong]} at ${wrong}`]
  if (values.length === acknowledged) return []
  return [`partition ${partition}: ${values.length} records, ${acknowledged} were acknowledged`]
}
