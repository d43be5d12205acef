import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/**
 * Keeps out of a measurement what is not held: V8's young generation, which may grow to 48 MiB, and blocks that glibc keeps after
 * its threshold has risen to the size of a freed one.
 */
const flags = ['--expose-gc', '--max-semi-space-size=2']
const env = { ...process.env, MALLOC_MMAP_THRESHOLD_: String(128 << 10) }

/** Runs a program of this folder in a process of its own, and returns the JSON that it prints. */
export async function memoryOf<T>(program: string, args: readonly string[]): Promise<T> {
  const path = fileURLToPath(new URL(`./${program}.mjs`, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, path, ...args], { env })
  return JSON.parse(stdout) as T
}
