import { Kafka } from 'ottla'
import { inWorker } from '../in-worker.ts'
import { newerNode } from '../installed.ts'
import { readWithJava } from '../java-consumer.ts'
import { line } from '../measured.ts'
import { chosenOf, measureAll, printJson } from '../measuring.ts'
import { printMeasures } from '../report.ts'
import { type ConsumeMeasure, measuresOf } from './measures.ts'
import { peers } from './peers/all.ts'
import { type ConsumeMeasured, type ConsumeTask, checksumOf } from './tasks.ts'

export interface ConsumeBenchOptions {
  readonly brokers: readonly string[]
  readonly records: number
  readonly runs: number
  /** Beside all other clients, on the Node.js release that they ask for; else beside KafkaJS. */
  readonly peers: boolean
  /** Names of measures; empty: all. */
  readonly only: readonly string[]
  readonly json: boolean
}

/** Runs each client in turn, in a process of its own. Each reads the same topics. */
export async function benchConsume(options: ConsumeBenchOptions): Promise<void> {
  const { runs } = options
  const kafka = new Kafka({ clientId: 'bench-run', brokers: options.brokers })
  const topics = new Topics(kafka)
  const clients = options.peers ? [...Object.keys(peers), 'java'] : ['ottla', 'kafkajs']
  try {
    const results = await measureAll({
      title: 'consume',
      measures: chosenOf(measuresOf(options.records), options.only),
      runs,
      clientsOf: () => clients,
      measureOne: (client, measure) => measureOne(topics, client, measure, options),
    })
    if (options.json) return printJson(results)
    printMeasures(results, { runs, unit: { measure: 'batches', title: 'its batches' } })
    console.log('The sum of what each run read was correct (but for Java, which does not read the values).')
  } finally {
    await kafka.close()
  }
}

let groups = 0

async function measureOne(
  topics: Topics,
  client: string,
  measure: ConsumeMeasure,
  options: ConsumeBenchOptions,
): Promise<ConsumeMeasured | null> {
  const { mode, compression, records } = measure
  const isLatency = measure.measure === 'latency'
  const topic = isLatency ? await topics.empty() : await topics.filled(measure)
  const groupId = `bench-${client}-${Date.now().toString(36)}-${groups++}`
  const { brokers } = options
  const task: ConsumeTask = { client, measure: measure.measure, brokers, topic, groupId, mode, compression, records }
  if (client === 'java') return readWithJava(task)
  const node = options.peers ? newerNode : process.execPath
  const measured = await inWorker<ConsumeMeasured | null>('consuming-worker', [JSON.stringify(task)], node)
  if (measured === null) return null
  const { records: read, checksum } = measured
  if (read === records && checksum === checksumOf(records)) return measured
  throw new Error(`${client} read ${read} records with sum ${checksum}, not ${records} with ${checksumOf(records)}`)
}

/** What the clients read, written once for all of them. */
class Topics {
  readonly #kafka: Kafka
  readonly #filled = new Map<string, Promise<string>>()
  #count = 0

  constructor(kafka: Kafka) {
    this.#kafka = kafka
  }

  async empty(): Promise<string> {
    const name = `bench-read-${Date.now().toString(36)}-${this.#count++}`
    await this.#kafka.admin().createTopics([{ name, partitions: 6, replicationFactor: 1 }])
    return name
  }

  filled({ valueBytes, compression, records }: ConsumeMeasure): Promise<string> {
    const kind = `${valueBytes} ${compression} ${records}`
    const found = this.#filled.get(kind) ?? this.#fill(valueBytes, compression, records)
    this.#filled.set(kind, found)
    return found
  }

  async #fill(valueBytes: number, compression: ConsumeMeasure['compression'], records: number): Promise<string> {
    const topic = await this.empty()
    const producer = this.#kafka.producer({ compression })
    for (let number = 0; number < records; number++) {
      if (!producer.enqueue({ topic, ...line(number, valueBytes) })) await producer.room()
    }
    await producer.close()
    return topic
  }
}
