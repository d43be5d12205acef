const maxOpen = 400

interface Closable {
  close(): void
}

/** The files that are open, the one that was used last at the end: there must not be too many. */
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
