import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readIfThere } from './atomic-file.ts'

/** Locks held by this process. (A lock file with this process's id may be from an earlier process with the same id.) */
const heldHere = new Set<string>()

/** Locks a directory for this process. Throws when a live process holds the lock. Returns a function that releases it. */
export function lockDirectory(directory: string): () => void {
  const path = join(resolve(directory), '.lock')
  if (heldHere.has(path)) throw new Error(`The data directory ${directory} is in use by this process`)
  const own = `${process.pid} ${startOf(process.pid)}\n`
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, own)
  try {
    for (let attempt = 0; !linked(draft, path); attempt++) {
      const holder = readIfThere(path)?.toString('utf8')
      if (holder === undefined) continue
      const pid = holderOf(holder)
      if (pid !== undefined || attempt > 10) {
        throw new Error(`The data directory ${directory} is in use by process ${pid ?? holder.trim()}`)
      }
      removeStale(path, holder)
    }
  } finally {
    rmSync(draft, { force: true })
  }
  heldHere.add(path)
  return () => {
    if (!heldHere.delete(path)) return
    if (readIfThere(path)?.toString('utf8') === own) rmSync(path, { force: true })
  }
}

/** Creates the lock file by a hard link: atomic, complete, and successful for only one process. */
function linked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** The live process that holds the lock; undefined when it ended. */
function holderOf(text: string): number | undefined {
  const [pidText, start] = text.trim().split(' ')
  const pid = Number(pidText)
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid || !isAlive(pid)) return undefined
  // The id may have been reused: compare the start time, where the system provides it.
  return start === '' || start === undefined || startOf(pid) === start ? pid : undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A process's start time in clock ticks since boot; empty where the system does not provide it. */
function startOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

/** Removes the lock of a dead process, unless another process took it in the meantime. */
function removeStale(path: string, content: string): void {
  const aside = `${path}.${process.pid}.old`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  if (readFileSync(aside, 'utf8') !== content) linked(aside, path)
  rmSync(aside, { force: true })
}
