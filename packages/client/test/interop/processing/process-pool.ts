import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../chaos/random.ts'

/** How long a process lives and stays away, in ms. */
export interface ProcessPace {
  readonly upMs: readonly [from: number, to: number]
  readonly downMs: readonly [from: number, to: number]
}

/** What processes have reported, those that were killed included. */
export interface PoolCounts {
  readonly starts: number
  readonly kills: number
  /** Processes that were fenced by their successors. */
  readonly fenced: number
  readonly aborted: number
  readonly committed: number
}

interface Slot {
  readonly transactionalId: string
  child: ChildProcess | undefined
}

const closesWithinMs = 30_000

/** Processors as operating system processes, one for each transactionalId, which are killed (SIGKILL) and started again. */
export class ProcessPool {
  readonly problems: string[] = []
  readonly #program: string
  readonly #optionsOf: (transactionalId: string) => object
  readonly #random: Random
  readonly #pace: ProcessPace
  readonly #slots: Slot[]
  #isStopping = false
  #running: Promise<unknown> = Promise.resolve()
  #starts = 0
  #kills = 0
  #fenced = 0
  #aborted = 0
  #committed = 0

  /** `program`: the path of `processor-program.mjs`. */
  constructor(
    program: string,
    transactionalIds: readonly string[],
    optionsOf: (transactionalId: string) => object,
    random: Random,
    pace: ProcessPace,
  ) {
    this.#program = program
    this.#optionsOf = optionsOf
    this.#random = random
    this.#pace = pace
    this.#slots = transactionalIds.map((transactionalId) => ({ transactionalId, child: undefined }))
  }

  get counts(): PoolCounts {
    const [starts, kills, fenced] = [this.#starts, this.#kills, this.#fenced]
    return { starts, kills, fenced, aborted: this.#aborted, committed: this.#committed }
  }

  start(): void {
    this.#running = Promise.all(this.#slots.map((slot) => this.#live(slot)))
  }

  /** No process is killed any more; one runs for each transactionalId. */
  async calm(): Promise<void> {
    this.#isStopping = true
    await this.#running
    for (const slot of this.#slots) if (slot.child?.exitCode !== null || slot.child === undefined) this.#begin(slot)
  }

  /** Closes the processes; one that does not end is a problem. */
  async close(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => this.#close(slot)))
  }

  async #close({ child, transactionalId }: Slot): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    const late = sleep(closesWithinMs, 'late', { ref: false })
    if ((await Promise.race([ended, late])) !== 'late') return
    this.problems.push(`${transactionalId} did not end within ${closesWithinMs} ms`)
    child.kill('SIGKILL')
    await ended
  }

  async #live(slot: Slot): Promise<void> {
    const random = this.#random
    await this.#pause(random.between(0, 2_000))
    while (!this.#isStopping) {
      const child = this.#begin(slot)
      await this.#pause(random.between(...this.#pace.upMs))
      if (this.#isStopping) return
      if (child.exitCode === null && child.signalCode === null) {
        this.#kills++
        const ended = once(child, 'exit')
        child.kill('SIGKILL')
        await ended
      }
      await this.#pause(random.between(...this.#pace.downMs))
    }
  }

  #begin(slot: Slot): ChildProcess {
    this.#starts++
    const { transactionalId } = slot
    const options = JSON.stringify(this.#optionsOf(transactionalId))
    const child = spawn(process.execPath, [this.#program, options], { stdio: ['ignore', 'pipe', 'inherit'] })
    slot.child = child
    let last = { committed: 0, aborted: 0 }
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('{')) {
        const counts = JSON.parse(line) as typeof last
        this.#committed += counts.committed - last.committed
        this.#aborted += counts.aborted - last.aborted
        last = counts
      } else if (line.startsWith('failed PRODUCER_FENCED')) this.#fenced++
      else if (line.startsWith('failed')) this.problems.push(`${transactionalId} ${line}`)
    })
    child.on('exit', (code) => {
      if (code !== 0 && code !== null && code !== 3) this.problems.push(`${transactionalId} ended with ${code}`)
    })
    return child
  }

  async #pause(ms: number): Promise<void> {
    const endMs = performance.now() + ms
    while (!this.#isStopping && performance.now() < endMs) await sleep(50)
  }
}
