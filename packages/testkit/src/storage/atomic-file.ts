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

/** Replaces a file with one rename: a reader finds either the complete old file or the complete new one. */
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

/** Makes created and renamed entries of a directory durable. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Undefined when the file does not exist. */
export function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The sorted names in a directory; empty when it does not exist. */
export function namesIn(path: string): string[] {
  try {
    return readdirSync(path).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Removes a directory: renames it first, so that an interrupted removal never leaves a partial directory under its name. */
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

/** The suffix of a directory that is being removed, as in Kafka. */
const deletedSuffix = '-delete'

/** Completes interrupted removals and deletes temporary files. */
export function removeLeftOvers(path: string): void {
  for (const name of namesIn(path)) {
    if (name.endsWith(deletedSuffix) || name.endsWith('.tmp'))
      rmSync(join(path, name), { recursive: true, force: true })
  }
}
