import { basename } from 'node:path'
import { type ExampleOptions, readOptions, UsageError } from './options.ts'
import { Stage } from './stage.ts'

/** Runs an example when its file is the one that was started; the demo imports the same functions instead. */
export function startWhenMain(name: string, title: string, play: (stage: Stage) => Promise<void>): void {
  if (basename(process.argv[1] ?? '', '.js') !== name) return
  void start(title, play)
}

export async function start(title: string, play: (stage: Stage) => Promise<void>): Promise<void> {
  let options: ExampleOptions | undefined
  try {
    options = readOptions(title, process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(error.message)
    process.exitCode = 2
    return
  }
  if (options === undefined) return
  await playUntilEnd(options, play)
}

async function playUntilEnd(options: ExampleOptions, play: (stage: Stage) => Promise<void>): Promise<void> {
  const interrupt = new AbortController()
  const onSignal = (signal: NodeJS.Signals) => {
    process.exitCode = signal === 'SIGINT' ? 130 : 143
    interrupt.abort(new Interrupted())
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  try {
    const stage = await Stage.open(options, interrupt.signal)
    try {
      await play(stage)
    } finally {
      await stage.close()
    }
    if (stage.finale !== undefined) console.log(stage.finale)
  } catch (error) {
    // Failures after an interruption are its consequences.
    if (!interrupt.signal.aborted) {
      console.error(error instanceof Error ? error.message : error)
      process.exitCode = 1
    }
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

class Interrupted extends Error {}
