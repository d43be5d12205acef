import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { distribution } from '../../tools/kafka/index.mjs'
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
  const found = await distribution()
  const { records, valueBytes, brokers, compression } = task
  const options = { 'bootstrap.servers': brokers.join(','), acks: 'all', 'compression.type': compression }
  const args = ['--topic', task.topic, '--num-records', records, '--record-size', valueBytes, '--throughput', -1]
  const props = Object.entries(options).map(([name, value]) => `${name}=${value}`)
  const java = [found.java, '-Xmx512m', '-XX:+UseSerialGC', '-cp', `${found.libs}/*`, className, ...args]
  // `times` prints what the children of the shell took.
  const command = ['-c', '"$@" && times', 'bash', ...java.map(String), '--producer-props', ...props]
  const child = spawn('bash', command, { stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  await once(child, 'close')
  const speed = /records sent, ([\d.]+) records\/sec/g
  const perSecond = [...output.matchAll(speed)].at(-1)?.[1]
  const times = [...(output.trim().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)]
  if (perSecond === undefined || times.length !== 2) throw new Error(`${className} failed: ${output}`)
  const cpuSeconds = times.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0)
  return { records, seconds: records / Number(perSecond), cpuSeconds, peakBytes: Number.NaN }
}
