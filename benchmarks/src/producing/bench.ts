import { Kafka } from 'ottla'
import { inWorker } from '../in-worker.ts'
import { newerNode } from '../installed.ts'
import { runJava } from '../java-producer.ts'
import { chosenOf, measureAll, printJson } from '../measuring.ts'
import { printMeasures } from '../report.ts'
import { measuresOf, type ProduceMeasure } from './measures.ts'
import { peers } from './peers/all.ts'
import type { ProduceMeasured, ProduceTask } from './tasks.ts'
import { verifyWritten } from './written.ts'

export interface ProduceBenchOptions {
  readonly brokers: readonly string[]
  readonly records: number
  readonly runs: number
  /** Beside all other clients, on the Node.js release that they ask for; else beside KafkaJS. */
  readonly peers: boolean
  /** Names of measures; empty: those that compare clients. `spread` is all of that name. */
  readonly only: readonly string[]
  readonly json: boolean
}

/** Runs each client in turn, in a process of its own. */
export async function benchProduce(options: ProduceBenchOptions): Promise<void> {
  const { runs } = options
  const kafka = new Kafka({ clientId: 'bench-run', brokers: options.brokers })
  try {
    const results = await measureAll({
      title: 'produce',
      measures: chosenOf(measuresOf(options.records), options.only, ({ name }) => !name.startsWith('spread')),
      runs,
      clientsOf: (measure) => clientsOf(measure, options),
      measureOne: (client, measure) => measureOne(kafka, client, measure, options),
    })
    if (options.json) return printJson(results)
    printMeasures(results, { runs, unit: { measure: 'arrays', title: 'its arrays' } })
    console.log(
      'Each run was read back: it had each record exactly as often as it was sent (but for Java: random values).',
    )
  } finally {
    await kafka.close()
  }
}

function clientsOf(measure: ProduceMeasure, options: ProduceBenchOptions): readonly string[] {
  if (measure.clients === 'ottla') return ['ottla']
  return options.peers ? [...Object.keys(peers), 'java'] : ['ottla', 'kafkajs']
}

let topics = 0

async function measureOne(
  kafka: Kafka,
  client: string,
  measure: ProduceMeasure,
  options: ProduceBenchOptions,
): Promise<ProduceMeasured | null> {
  const topic = `bench-${measure.name}-${client}-${Date.now().toString(36)}-${topics++}`
  const warmTopic = `${topic}-warm`
  const admin = kafka.admin()
  const names = [topic, warmTopic]
  await admin.createTopics([{ name: topic, partitions: measure.partitions, replicationFactor: 1 }])
  await admin.createTopics([{ name: warmTopic, partitions: 6, replicationFactor: 1 }])
  const task: ProduceTask = { ...measure.task, client, topic, warmTopic, brokers: options.brokers }
  const node = options.peers ? newerNode : process.execPath
  const measured = await (client === 'java'
    ? runJava(task)
    : inWorker<ProduceMeasured | null>('producing-worker', [JSON.stringify(task)], node))
  if (measured !== null && client !== 'java') await verifyWritten(kafka, topic, measure, measured.records, client)
  await admin.deleteTopics(names)
  return measured
}
