import { afterEach } from 'vitest'
import type { Consumer, ConsumerOptions } from '../../src/index.ts'
import { ScriptedConsumer } from './scripted-consumer.ts'

const open: ScriptedConsumer[] = []

afterEach(async () => {
  for (const scripted of open.splice(0)) await scripted.close()
})

/** A consumer on a scripted broker, and what it did so far. */
export class ObservedConsumer {
  readonly scripted: ScriptedConsumer
  readonly values: string[] = []
  readonly resets: string[] = []
  /** What `run` rejected with. */
  failure: unknown

  constructor(nodes = 1) {
    this.scripted = new ScriptedConsumer({ nodes })
    open.push(this.scripted)
  }

  get log() {
    return this.scripted.log
  }

  get committed() {
    return this.scripted.committed
  }

  get peer() {
    return this.scripted.peer
  }

  get runtime() {
    return this.scripted.runtime
  }

  consumer(options: Partial<ConsumerOptions> = {}): Consumer {
    const consumer = this.scripted.consumer(options)
    consumer.on('positionReset', ({ reason, from, to }) => this.resets.push(`${reason} ${from} ${to}`))
    return consumer
  }

  /** Reads with `run` until the test ends. */
  run(options: Partial<ConsumerOptions> = {}): Consumer {
    const consumer = this.consumer(options)
    const running = consumer.run({ each: ({ value }) => void this.values.push(String(value)) })
    running.catch((error: unknown) => {
      this.failure = error
    })
    return consumer
  }
}
