import type { Consumer, ConsumerOptions, Message, MessageBatch, MessageReader } from '../../src/index.ts'
import { consumerOf } from './consuming.ts'
import type { Scenario } from './on-testkit.ts'

/** The columns of the table of commits. */
export const modes = ['auto', 'manual', 'none'] as const

/** Records 'a' to 'e' at the offsets 0 to 4, in the batches 'a' 'b' and 'c' 'd' 'e', and a consumer in the mode of the column. */
export class Table {
  readonly scenario: Scenario
  readonly #mode: (typeof modes)[number]
  #consumer: Consumer | undefined
  #reader: MessageReader | undefined

  constructor(scenario: Scenario, mode: (typeof modes)[number]) {
    this.scenario = scenario
    this.#mode = mode
  }

  get consumer(): Consumer {
    return this.configure({})
  }

  /** The reader of `passAB`. */
  get reader(): MessageReader {
    this.#reader ??= this.consumer.messages()
    return this.#reader
  }

  configure(options: Partial<ConsumerOptions>): Consumer {
    this.#consumer ??= consumerOf(this.scenario, { commit: this.#mode, ...options })
    return this.#consumer
  }

  async next(): Promise<Message> {
    return (await this.reader.next()).value as Message
  }

  /** The loop has passed 'a' and 'b'; 'c' is in hand. */
  async passAB(): Promise<{ a: Message; b: Message; c: Message; consumer: Consumer }> {
    const [a, b, c] = [await this.next(), await this.next(), await this.next()]
    return { a, b, c, consumer: this.consumer }
  }

  /** A loop with `body`, which runs when 'c' is in hand. */
  async loop(body: (c: Message) => 'break' | never): Promise<void> {
    for await (const message of this.consumer) if (message.offset === 2n && body(message) === 'break') break
  }

  async batch(): Promise<{
    batch: MessageBatch
    a: Message
    consumer: Consumer
    batches: AsyncIterator<MessageBatch>
  }> {
    const batches = this.consumer.batches()
    const batch = (await batches.next()).value as MessageBatch
    return { batch, a: [...batch][0]!, consumer: this.consumer, batches }
  }

  async poll(): Promise<{ messages: Message[]; consumer: Consumer }> {
    const messages = await this.consumer.poll({ maxRecords: 3 })
    if (messages.length !== 3) throw new Error(`poll returned ${messages.length} messages`)
    return { messages, consumer: this.consumer }
  }

  /** `run` with a handler that does `onC` with the third message. Returns the error it ends with, if any. */
  run(onC: (c: Message) => unknown, onEach: (message: Message) => unknown = () => {}): Promise<unknown> {
    const each = async (message: Message) => {
      if (message.offset === 2n) await onC(message)
      await onEach(message)
    }
    return this.consumer.run({ each }).catch((error: unknown) => error)
  }

  /** The next heartbeat reports a rebalance, which revokes the partition. */
  async revoke(): Promise<void> {
    await this.scenario.fault('Heartbeat', { error: 'REBALANCE_IN_PROGRESS' }, 'once').wait(1)
    await this.scenario.advance(100)
  }

  /** The coordinator has removed the member. */
  async lose(): Promise<void> {
    await this.scenario.fault('Heartbeat', { error: 'UNKNOWN_MEMBER_ID' }, 'once').wait(1)
    await this.scenario.advance(100)
  }
}
