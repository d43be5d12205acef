import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** `ottla-testkit` in a separate process. */
export interface Program {
  readonly bootstrap: string
  /** The time from the start until it served, in ms. */
  readonly startedInMs: number
  /** Sends SIGKILL; resolves when the process ended. */
  kill(): Promise<void>
  /** Shuts it down cleanly; returns the exit code. */
  stop(): Promise<number>
}

/** Starts the program `cli` with Node. Rejects when it exits before it serves. */
export async function startProgram(cli: string, args: readonly string[]): Promise<Program> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [cli, '--quiet', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  // This does not run when this process is killed.
  const killIt = () => child.kill('SIGKILL')
  process.once('exit', killIt)
  child.once('exit', () => process.removeListener('exit', killIt))
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const lines = createInterface({ input: child.stdout })
  const ended = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`The program exited with code ${code}: ${errors}`)),
  )
  ended.catch(() => {})
  const ready = new Promise<string>((resolve) => {
    lines.on('line', (line) => {
      const [, bootstrap] = /^ottla-testkit ready: (\S+)$/.exec(line) ?? []
      if (bootstrap !== undefined) resolve(bootstrap)
    })
  })
  const bootstrap = await Promise.race([ready, ended])
  return {
    bootstrap,
    startedInMs: performance.now() - startedAt,
    kill: async () => void (await gone(child, 'SIGKILL')),
    stop: async () => (await gone(child, 'SIGTERM')) ?? -1,
  }
}

async function gone(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const exit = once(child, 'exit')
  child.kill(signal)
  const [code] = await exit
  return code
}
