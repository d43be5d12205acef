import type { Kafka, ShareConsumer, ShareConsumerOptions } from '../../src/index.ts'
import { configureGroup, type GroupConfigs } from './group-configs.ts'
import { onTestkit, type Scenario, type ScenarioOptions } from './on-testkit.ts'

export const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)

/** A share group in virtual time that reads topic 't' from its start. */
export class Sharing {
  readonly groupId = 'workers'
  readonly scenario: Scenario

  constructor(scenario: Scenario) {
    this.scenario = scenario
  }

  consumer(options: Partial<ShareConsumerOptions> = {}, kafka: Kafka = this.scenario.kafka): ShareConsumer {
    return kafka.shareConsumer({ groupId: this.groupId, topics: 't', ...options })
  }

  configure(configs: GroupConfigs): Promise<void> {
    return configureGroup(this.scenario, this.groupId, configs)
  }

  /** Records with the values '0', '1', … */
  async produce(count: number, { from = 0, partitions = 1 } = {}): Promise<void> {
    const producer = this.scenario.kafka.producer()
    await producer.send(
      numbers(count).map((i) => ({ topic: 't', partition: (from + i) % partitions, value: `${from + i}` })),
    )
    await producer.close()
  }

  /** Lets time pass until the condition holds. */
  async until(condition: () => boolean, withinMs = 60_000): Promise<void> {
    const endMs = this.scenario.nowMs + withinMs
    while (!condition()) {
      if (this.scenario.nowMs >= endMs) throw new Error(`not within ${withinMs} ms: ${condition}`)
      await this.scenario.advance(50)
    }
  }
}

export const onShareGroup = (
  play: (sharing: Sharing, scenario: Scenario) => Promise<void>,
  options: ScenarioOptions & { readonly group?: GroupConfigs } = {},
) => {
  const { group, ...rest } = options
  return onTestkit(rest, async (scenario) => {
    const sharing = new Sharing(scenario)
    await sharing.configure({ 'share.auto.offset.reset': 'earliest', ...group })
    await play(sharing, scenario)
  })
}
