import { runTool } from './java-process.ts'
import type { ProduceMeasured, ProduceTask } from './producing/tasks.ts'

const className = 'org.apache.kafka.tools.ProducerPerformance'
const startRecords = 1_000

/** Java's own measurement. What the JVM takes to start and to send 1,000 records is subtracted from its CPU time. */
export async function runJava(task: ProduceTask): Promise<ProduceMeasured | null> {
  if (task.measure !== 'array' || task.transactional) return null
  const start = await perform({ ...task, topic: task.warmTopic, records: startRecords })
  const whole = await perform(task)
  return { ...whole, cpuSeconds: whole.cpuSeconds - start.cpuSeconds, records: task.records - startRecords }
}

async function perform(task: ProduceTask): Promise<ProduceMeasured> {
  const { records, valueBytes, brokers, compression } = task
  const options = { 'bootstrap.servers': brokers.join(','), acks: 'all', 'compression.type': compression }
  const args = ['--topic', task.topic, '--num-records', records, '--record-size', valueBytes, '--throughput', -1]
  const props = Object.entries(options).map(([name, value]) => `${name}=${value}`)
  const { output, cpuSeconds } = await runTool(className, [...args, '--producer-props', ...props])
  const perSecond = [...output.matchAll(/records sent, ([\d.]+) records\/sec/g)].at(-1)?.[1]
  if (perSecond === undefined) throw new Error(`${className} failed: ${output}`)
  return { records, seconds: records / Number(perSecond), cpuSeconds, peakBytes: Number.NaN }
}
