import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findPorts, runJava } from '../../../../tools/kafka/index.mjs'
import { skipReason } from '../../../../tools/skip-reason.ts'
import { uniqueName } from '../support/names.ts'
import { kafkaMissing, skipsKafka } from '../support/real-kafka.ts'
import { within } from '../support/until.ts'

const cli = fileURLToPath(new URL('../../../testkit/dist/cli.js', import.meta.url))
const tool = {
  topics: 'org.apache.kafka.tools.TopicCommand',
  producer: 'org.apache.kafka.tools.ConsoleProducer',
  consumer: 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  groups: 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  configs: 'kafka.admin.ConfigCommand',
  shareConsumer: 'org.apache.kafka.tools.consumer.ConsoleShareConsumer',
  shareGroups: 'org.apache.kafka.tools.consumer.group.ShareGroupCommand',
}

/** Kafka's own command line tools against the testkit as a separate process. */
describe.skipIf(skipsKafka)("Kafka's own tools against ottla-testkit", skipReason(kafkaMissing), () => {
  let testkit: ChildProcess
  let bootstrap = ''

  beforeAll(async () => {
    const port = await findPorts(1)
    testkit = spawn(process.execPath, [cli, '--brokers', '3', '--port', String(port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines = createInterface({ input: testkit.stdout as NonNullable<ChildProcess['stdout']> })
    const ended = once(testkit, 'exit').then(([code]) => Promise.reject(new Error(`ottla-testkit ended with ${code}`)))
    const [line] = await within('its bootstrap list', 20_000, Promise.race([once(lines, 'line'), ended]))
    ended.catch(() => {})
    bootstrap = /[\w.]+:\d+(?:,[\w.]+:\d+)*/.exec(String(line))?.[0] ?? ''
    expect(bootstrap.split(',').map((address) => address.split(':')[1])).toEqual([port, port + 1, port + 2].map(String))
  })

  afterAll(async () => {
    testkit.kill('SIGTERM')
    const [code] = testkit.exitCode === null ? await once(testkit, 'exit') : [testkit.exitCode]
    expect(code).toBe(0)
  })

  /** Returns the output of the tool; fails if the tool fails. */
  async function run(mainClass: string, args: readonly string[], input = ''): Promise<string> {
    const done = await runJava(mainClass, ['--bootstrap-server', bootstrap, ...args], { input })
    expect(done.code, `${mainClass} ${args.join(' ')}\n${done.stdout}\n${done.stderr}`).toBe(0)
    return done.stdout
  }

  async function createTopic(base: string, partitions: number): Promise<string> {
    const topic = uniqueName(base)
    const size = ['--partitions', String(partitions), '--replication-factor', '3']
    expect(await run(tool.topics, ['--create', '--topic', topic, ...size])).toBe(`Created topic ${topic}.\n`)
    return topic
  }

  async function produce(topic: string, lines: readonly string[]): Promise<void> {
    const parsing = ['--reader-property', 'parse.key=true', '--reader-property', 'key.separator=:']
    await run(tool.producer, ['--topic', topic, ...parsing], `${lines.join('\n')}\n`)
  }

  async function consume(topic: string, count: number, more: readonly string[]): Promise<string[]> {
    const showing = ['--formatter-property', 'print.key=true', '--formatter-property', 'key.separator=:']
    const limits = ['--max-messages', String(count), '--timeout-ms', '20000']
    const output = await run(tool.consumer, ['--topic', topic, ...limits, ...showing, ...more])
    return output.trimEnd().split('\n')
  }

  test('TopicCommand creates, lists, describes and deletes topics', async () => {
    const topic = await createTopic('users', 2)

    expect((await run(tool.topics, ['--list'])).split('\n')).toContain(topic)
    const described = await run(tool.topics, ['--describe', '--topic', topic])
    expect(described).toMatch(new RegExp(`Topic: ${topic}\\s.*PartitionCount: 2\\s+ReplicationFactor: 3`))
    const partitions = [...described.matchAll(/Partition: (\d)\s+Leader: (\d)\s+Replicas: ([\d,]+)\s+Isr: ([\d,]+)/g)]
    expect(partitions.map(([, partition]) => partition)).toEqual(['0', '1'])
    for (const [, , leader, replicas = '', isr = ''] of partitions) {
      expect(['1', '2', '3']).toContain(leader)
      expect(replicas.split(',').sort()).toEqual(['1', '2', '3'])
      expect(isr.split(',').sort()).toEqual(['1', '2', '3'])
    }

    await run(tool.topics, ['--delete', '--topic', topic])
    expect((await run(tool.topics, ['--list'])).split('\n')).not.toContain(topic)
  })

  test('TopicCommand reports why a topic cannot be created', async () => {
    const topic = await createTopic('taken', 1)

    const again = await runJava(tool.topics, ['--bootstrap-server', bootstrap, '--create', '--topic', topic])

    expect(again.code).toBe(1)
    expect(again.stdout + again.stderr).toContain(`Topic '${topic}' already exists`)
  })

  test('the console consumer reads the records of the console producer, in order, with keys', async () => {
    const topic = await createTopic('letters', 1)
    const lines = Array.from({ length: 200 }, (_, i) => `k${i}:value ${i}`)

    await produce(topic, lines)

    expect(await consume(topic, 200, ['--from-beginning'])).toEqual(lines)
  })

  test('the console producer and consumer agree on compressed batches', async () => {
    const topic = await createTopic('packed', 1)
    const lines = Array.from({ length: 50 }, (_, i) => `${i}:${'x'.repeat(100)}${i}`)
    const parsing = ['--reader-property', 'parse.key=true', '--reader-property', 'key.separator=:']

    await run(tool.producer, ['--topic', topic, '--compression-codec', 'gzip', ...parsing], `${lines.join('\n')}\n`)

    expect(await consume(topic, 50, ['--from-beginning'])).toEqual(lines)
  })

  test('a group of console consumers commits and resumes, and ConsumerGroupCommand describes, resets and deletes it', async () => {
    const topic = await createTopic('orders', 1)
    const group = uniqueName('kitchen')
    await produce(topic, ['a:1', 'b:2', 'c:3', 'd:4', 'e:5'])

    expect(await consume(topic, 3, ['--group', group, '--from-beginning'])).toEqual(['a:1', 'b:2', 'c:3'])
    expect((await run(tool.groups, ['--list'])).split('\n')).toContain(group)
    expect(await columns(group, topic)).toEqual({ current: '3', end: '5', lag: '2' })

    expect(await consume(topic, 2, ['--group', group])).toEqual(['d:4', 'e:5'])
    expect(await columns(group, topic)).toEqual({ current: '5', end: '5', lag: '0' })

    const reset = ['--reset-offsets', '--to-earliest', '--execute', '--group', group, '--topic', topic]
    expect(await run(tool.groups, reset)).toMatch(new RegExp(`${group}\\s+${topic}\\s+0\\s+0`))
    expect(await columns(group, topic)).toEqual({ current: '0', end: '5', lag: '5' })

    expect(await run(tool.groups, ['--describe', '--group', group, '--state'])).toMatch(/\bEmpty\b/)
    expect(await run(tool.groups, ['--delete', '--group', group])).toContain('was successful')
    expect((await run(tool.groups, ['--list'])).split('\n')).not.toContain(group)
  })

  test('a share group delivers, is described, reset and deleted', async () => {
    const topic = await createTopic('jobs', 1)
    const group = uniqueName('workers')
    const earliest = ['--add-config', 'share.auto.offset.reset=earliest']
    await run(tool.configs, ['--alter', '--entity-type', 'groups', '--entity-name', group, ...earliest])
    await run(tool.producer, ['--topic', topic], 'a\nb\nc\nd\n')
    const share = async (count: number) => {
      const limits = ['--max-messages', String(count), '--timeout-ms', '20000']
      return (await run(tool.shareConsumer, ['--topic', topic, '--group', group, ...limits])).trimEnd().split('\n')
    }

    expect(await share(4)).toEqual(['a', 'b', 'c', 'd'])
    const described = await run(tool.shareGroups, ['--describe', '--group', group])
    expect(described).toMatch(new RegExp(`${group}\\s+${topic}\\s+0\\s+\\d+\\s+0`))

    const toEarliest = ['--reset-offsets', '--to-earliest', '--execute', '--group', group, '--topic', topic]
    expect(await run(tool.shareGroups, toEarliest)).toMatch(new RegExp(`${group}\\s+${topic}\\s+0\\s+0`))
    expect(await share(4)).toEqual(['a', 'b', 'c', 'd'])

    expect(await run(tool.shareGroups, ['--delete', '--group', group])).toContain('was successful')
  })

  async function columns(group: string, topic: string) {
    const output = await run(tool.groups, ['--describe', '--group', group])
    const row = output.split('\n').find((line) => line.includes(topic)) ?? output
    const [, , , current, end, lag] = row.trim().split(/\s+/)
    return { current, end, lag }
  }
})
