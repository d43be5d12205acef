const maxOpen = 400

interface Closable {
  close(): void
}

/** Limits the number of open files; the least recently used one is closed first. */
export class OpenFiles {
  readonly #files = new Set<Closable>()

  use(file: Closable): void {
    this.#files.delete(file)
    this.#files.add(file)
    if (this.#files.size <= maxOpen) return
    const [oldest] = this.#files
    oldest?.close()
  }

  forget(file: Closable): void {
    this.#files.delete(file)
  }

  closeAll(): void {
    for (const file of [...this.#files]) file.close()
  }
}
