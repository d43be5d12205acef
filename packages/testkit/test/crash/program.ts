import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** `ottla-testkit` as a process of its own. */
export interface Program {
  readonly bootstrap: string
  /** How long it took from the start until it served. */
  readonly startedInMs: number
  /** As SIGKILL does; resolves when it is gone. */
  kill(): Promise<void>
  /** In order; the exit code. */
  stop(): Promise<number>
}

/** Starts the program `cli`, a file for Node. Rejects when it ends before it serves. */
export async function startProgram(cli: string, args: readonly string[]): Promise<Program> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [cli, '--quiet', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  // Not when this process ends in any way that runs no code.
  const killIt = () => child.kill('SIGKILL')
  process.once('exit', killIt)
  child.once('exit', () => process.removeListener('exit', killIt))
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const lines = createInterface({ input: child.stdout })
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`it ended with ${code}: ${errors}`)))
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
