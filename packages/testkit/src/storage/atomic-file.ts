import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** Puts a file in its place by one rename: a reader finds the old one or the new one, whole. */
export function writeAtomically(path: string, data: string | Uint8Array, isSynced: boolean): void {
  const temporary = `${path}.tmp`
  const fd = openSync(temporary, 'w')
  try {
    writeFileSync(fd, data)
    if (isSynced) fdatasyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, path)
  if (isSynced) syncDirectory(dirname(path))
}

/** Names that were made or changed in a directory survive. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Undefined when it is not there. */
export function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Names in a directory in their order; none when it is not there. */
export function namesIn(path: string): string[] {
  try {
    return readdirSync(path).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Takes a directory away at once, by its name, and then what is in it: half of it is never taken for all. */
export function removeDirectory(path: string): void {
  const doomed = `${path}${deletedSuffix}`
  rmSync(doomed, { recursive: true, force: true })
  try {
    renameSync(path, doomed)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  rmSync(doomed, { recursive: true, force: true })
}

/** Ends the name of a directory that is about to go, as in Kafka. */
const deletedSuffix = '-delete'

/** Removes what was left by a removal that was interrupted. */
export function removeLeftOvers(path: string): void {
  for (const name of namesIn(path)) {
    if (name.endsWith(deletedSuffix) || name.endsWith('.tmp'))
      rmSync(join(path, name), { recursive: true, force: true })
  }
}
