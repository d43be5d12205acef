import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readIfThere } from './atomic-file.ts'

/** Locked by this process: what a file says of its own id may be of a process before it, that had the same. */
const heldHere = new Set<string>()

/** Takes a directory for this process alone. Throws when another one that lives has it. Returns what gives it back. */
export function lockDirectory(directory: string): () => void {
  const path = join(resolve(directory), '.lock')
  if (heldHere.has(path)) throw new Error(`the data directory ${directory} is in use by this process`)
  const own = `${process.pid} ${startOf(process.pid)}\n`
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, own)
  try {
    for (let attempt = 0; !linked(draft, path); attempt++) {
      const holder = readIfThere(path)?.toString('utf8')
      if (holder === undefined) continue
      const pid = holderOf(holder)
      if (pid !== undefined || attempt > 10) {
        throw new Error(`the data directory ${directory} is in use by process ${pid ?? holder.trim()}`)
      }
      takeAway(path, holder)
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

/** Only one of those that try succeeds, and the file is whole at once. */
function linked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** The process that has the lock; undefined when it is gone. */
function holderOf(text: string): number | undefined {
  const [pidText, start] = text.trim().split(' ')
  const pid = Number(pidText)
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid || !isAlive(pid)) return undefined
  // The id may be of another process by now, as far as the system tells when that one began.
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

/** When a process began, in ticks since the machine did; empty where the system does not tell. */
function startOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

/** Takes the lock of a dead process away, unless another one took it in the meantime. */
function takeAway(path: string, content: string): void {
  const aside = `${path}.${process.pid}.old`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  if (readFileSync(aside, 'utf8') !== content) linked(aside, path)
  rmSync(aside, { force: true })
}
