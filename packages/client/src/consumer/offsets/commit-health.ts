/** Since when automatic commits fail. */
export class CommitHealth {
  #sinceMs: number | undefined

  /** On `monoNow`; undefined: the last one succeeded. */
  get failingSinceMs(): number | undefined {
    return this.#sinceMs
  }

  failed(nowMs: number): void {
    this.#sinceMs ??= nowMs
  }

  succeeded(): void {
    this.#sinceMs = undefined
  }
}
