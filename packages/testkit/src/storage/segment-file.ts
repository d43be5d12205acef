import { closeSync, constants, fdatasync, ftruncateSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { OpenFiles } from './open-files.ts'

/** Kafka's name of a segment: `00000000000000000042.log`. */
export function segmentName(baseOffset: number, suffix = '.log'): string {
  return `${String(baseOffset).padStart(20, '0')}${suffix}`
}

/** One segment's file. It is opened for a write, and closed when too many files are open. */
export class SegmentFile {
  readonly path: string
  readonly #open: OpenFiles
  #size: number
  #fd: number | undefined
  #syncing = 0
  #closesAfterSync = false

  constructor(
    directory: string,
    baseOffset: number,
    { open, size }: { readonly open: OpenFiles; readonly size: number },
  ) {
    this.path = join(directory, segmentName(baseOffset))
    this.#open = open
    this.#size = size
  }

  get size(): number {
    return this.#size
  }

  get isOpen(): boolean {
    return this.#fd !== undefined
  }

  /** Creates the file, even if nothing is written to it. */
  create(): void {
    this.#descriptor()
  }

  /** Throws when the write fails; the file is then unchanged. */
  append(bytes: Uint8Array): void {
    const fd = this.#descriptor()
    let written = 0
    try {
      while (written < bytes.byteLength) {
        written += writeSync(fd, bytes, written, bytes.byteLength - written, this.#size + written)
      }
    } catch (error) {
      ftruncateSync(fd, this.#size)
      throw error
    }
    this.#size += bytes.byteLength
  }

  truncate(size: number): void {
    if (this.#fd === undefined) truncateSync(this.path, size)
    else ftruncateSync(this.#fd, size)
    this.#size = size
  }

  /** Makes all writes durable. */
  sync(): Promise<void> {
    const fd = this.#descriptor()
    this.#syncing++
    return new Promise((resolve, reject) => {
      fdatasync(fd, (error) => {
        this.#syncing--
        if (this.#closesAfterSync && this.#syncing === 0) this.close()
        if (error) reject(error)
        else resolve()
      })
    })
  }

  close(): void {
    if (this.#fd === undefined) return
    this.#open.forget(this)
    this.#closesAfterSync = this.#syncing > 0
    // During a sync the descriptor must not be closed, because the system reuses its number.
    if (this.#closesAfterSync) return
    closeSync(this.#fd)
    this.#fd = undefined
  }

  remove(): void {
    this.close()
    rmSync(this.path, { force: true })
  }

  #descriptor(): number {
    this.#closesAfterSync = false
    this.#fd ??= openSync(this.path, constants.O_RDWR | constants.O_CREAT)
    this.#open.use(this)
    return this.#fd
  }
}
