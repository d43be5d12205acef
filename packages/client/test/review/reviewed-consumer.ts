import { afterEach } from 'vitest'
import type { Consumer, ConsumerOptions } from '../../src/index.ts'
import { scriptSoloGroup } from '../support/scripted-group.ts'
import { ScriptedKafka } from '../support/scripted-kafka.ts'
import { ScriptedLog, serveLogs } from '../support/scripted-log.ts'

const open: ReviewedConsumer[] = []

afterEach(async () => {
  for (const reviewed of open.splice(0)) await reviewed.close()
})

/** A consumer of the group 'g' and the topic 't', with one partition, on a scripted broker; and what it did so far. */
export class ReviewedConsumer {
  readonly log = new ScriptedLog()
  readonly committed: Map<number, bigint>
  readonly values: string[] = []
  readonly resets: string[] = []
  /** What `run` rejected with. */
  failure: unknown
  readonly #scripted: ScriptedKafka

  constructor(nodes = 1) {
    this.#scripted = new ScriptedKafka({ nodes })
    serveLogs(this.#scripted, 't', [this.log])
    this.committed = scriptSoloGroup(this.peer)
    open.push(this)
  }

  get peer() {
    return this.#scripted.peer
  }

  get runtime() {
    return this.#scripted.runtime
  }

  consumer(options: Partial<ConsumerOptions> = {}): Consumer {
    const consumer = this.#scripted.kafka.consumer({
      groupId: 'g',
      topics: ['t'],
      offsetReset: 'earliest',
      ...options,
    })
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

  async close(): Promise<void> {
    await this.#scripted.close()
  }
}
