import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Runs a built program of this folder in a process of its own, and returns the JSON that it prints. */
export async function inWorker<T>(program: string, args: readonly string[], node = process.execPath): Promise<T> {
  const path = fileURLToPath(new URL(`./${program}.js`, import.meta.url))
  const { stdout } = await promisify(execFile)(node, [path, ...args])
  return JSON.parse(stdout) as T
}
