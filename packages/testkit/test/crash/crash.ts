import { Load, valuesOf } from './load.ts'
import { type Program, startProgram } from './program.ts'

export interface CrashOptions {
  /** The program: a file that Node runs. */
  readonly cli: string
  readonly dataDir: string
  readonly fsync: 'os' | 'always'
  readonly kills: number
  /** From 0 to 1: the delay before the next kill. */
  readonly random: () => number
  /** The maximum time between a start and a kill, in ms. */
  readonly upToMs: number
  readonly acks?: number
  /** Called after each kill. */
  readonly onKill?: (text: string) => void
}

export interface CrashReport {
  readonly kills: number
  readonly acknowledged: number
  /** Lost, duplicated or reordered records; empty on success. */
  readonly problems: readonly string[]
  readonly slowestStartMs: number
}

const topic = 'crash'
const partitions = 4

/** Kills the program repeatedly while producers write to it, then checks all acknowledged records. */
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
  // The program must also serve after the last start.
  await load.reaches(load.acknowledged + 100)
  await load.stop()
  const problems: string[] = []
  for (const [partition, { acknowledged }] of load.written.entries()) {
    problems.push(...problemsOf(partition, await valuesOf(program.bootstrap, topic, partition), acknowledged))
  }
  load.close()
  const exitCode = await program.stop()
  if (exitCode !== 0) problems.push(`The program exited with code ${exitCode}`)
  return { kills, acknowledged: load.acknowledged, problems, slowestStartMs }
}

/** The log must contain all values from 0 to the last acknowledged one, each once and in order. */
function problemsOf(partition: number, values: readonly string[], acknowledged: number): string[] {
  const wrong = values.findIndex((value, index) => value !== String(index))
  if (wrong >= 0) return [`partition ${partition}: ${values[wrong]} at ${wrong}`]
  if (values.length === acknowledged) return []
  return [`partition ${partition}: ${values.length} records, ${acknowledged} were acknowledged`]
}
