/** A 32-bit FNV-1a hash over numbers and bytes, for comparing two runs. */
export class EventHash {
  #hash = 0x811c9dc5
  readonly #number = new Float64Array(1)
  readonly #words = new Uint32Array(this.#number.buffer)

  number(value: number): void {
    this.#number[0] = value
    this.#word(this.#words[0] as number)
    this.#word(this.#words[1] as number)
  }

  bytes(bytes: Uint8Array): void {
    let hash = this.#hash
    for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193)
    this.#hash = hash
  }

  toString(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  #word(word: number): void {
    this.#hash = Math.imul(this.#hash ^ word, 0x01000193)
    this.#hash ^= this.#hash >>> 15
  }
}
