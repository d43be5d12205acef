import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Finished {
  readonly code: number | null
  readonly lines: readonly string[]
  readonly stderr: string
}

export interface Running {
  readonly pid: number
  /** Resolves when a line of the output matches. */
  seen(pattern: RegExp): Promise<string>
  kill(signal: NodeJS.Signals): void
  readonly finished: Promise<Finished>
}

/** Starts a built example, as a user does. */
export function startExample(name: string, args: readonly string[] = []): Running {
  const file = fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url))
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const watchers = new Set<() => void>()
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    for (const watcher of watchers) watcher()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, lines: stdout.trimEnd().split('\n'), stderr }))
  })
  const seen = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const line = stdout.split('\n').find((candidate) => pattern.test(candidate))
        if (line === undefined) return
        watchers.delete(look)
        resolve(line)
      }
      watchers.add(look)
      look()
      finished.then(
        () => reject(new Error(`${name} ended before it printed ${pattern}:\n${stdout}\n${stderr}`)),
        reject,
      )
    })
  return { pid: child.pid ?? 0, seen, kill: (signal) => child.kill(signal), finished }
}

export function runExample(name: string, args: readonly string[] = []): Promise<Finished> {
  return startExample(name, args).finished
}
