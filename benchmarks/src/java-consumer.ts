import type { ConsumeMeasured, ConsumeTask } from './consuming/tasks.ts'
import { runTool } from './java-process.ts'

const className = 'org.apache.kafka.tools.ConsumerPerformance'
const startRecords = 1_000

/** Java's own measurement. What the JVM takes to start and to read 1,000 records is subtracted from its CPU time. */
export async function readWithJava(task: ConsumeTask): Promise<ConsumeMeasured | null> {
  if (task.mode !== 'batches') return null
  const start = await perform({ ...task, groupId: `${task.groupId}-start`, records: startRecords })
  const whole = await perform(task)
  return { ...whole, cpuSeconds: whole.cpuSeconds - start.cpuSeconds, records: whole.records - start.records }
}

async function perform({ brokers, topic, groupId, records: wanted }: ConsumeTask): Promise<ConsumeMeasured> {
  const place = ['--bootstrap-server', brokers.join(','), '--topic', topic, '--group', groupId]
  const args = [...place, '--num-records', wanted, '--hide-header', '--timeout', 60_000]
  const { output, cpuSeconds } = await runTool(className, args)
  // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, …
  const line = output.split('\n').find((text) => text.split(', ').length >= 8)
  const [, , , , records = Number.NaN, , , fetchMs = Number.NaN] = (line ?? '').split(', ').map(Number)
  if (!(records >= wanted)) throw new Error(`${className} failed: ${output}`)
  return { records, seconds: fetchMs / 1000, cpuSeconds, checksum: Number.NaN, peakBytes: Number.NaN }
}
