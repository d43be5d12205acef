import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { skipReason } from '../../../../tools/skip-reason.ts'
import { type Program, startProgram } from '../crash/program.ts'
import { goJudge, javaJudge, nodeJudge, pythonJudge, type Tool, verdict } from './toolbox.ts'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const kept = ['kept-0', 'kept-1', 'kept-2']
/** The time limit of a judge that hangs. */
const timeoutMs = 60_000

// Sequential: each may have to download and build, and two at a time are too much for a small machine.
const kafkaPython = await pythonJudge('kafka_python.py')
const librdkafka = await pythonJudge('librdkafka.py')
const franzGo = await goJudge('franz-go')
const streams = await javaJudge('streams', 'WordCount.java')

function isMissing({ missing }: Tool): boolean {
  return missing !== undefined && process.env.CI !== 'true'
}

const optionsOf = ({ missing = '' }: Tool) => ({ timeout: timeoutMs, ...skipReason(missing) })

/** Runs third-party clients over TCP and checks what they observe of the cluster. */
describe('ottla-testkit works with third-party clients', () => {
  let program: Program

  beforeAll(async () => {
    program = await startProgram(cli, ['--port', '0', '--config', 'group.initial.rebalance.delay.ms=0'])
  })

  afterAll(async () => {
    expect(await program.stop()).toBe(0)
  })

  const judged = ({ missing, command }: Tool, ...more: string[]) => {
    if (command === undefined) throw new Error(missing)
    return verdict([...command, program.bootstrap, ...more], timeoutMs)
  }

  test.skipIf(isMissing(kafkaPython))('kafka-python', optionsOf(kafkaPython), async () => {
    expect(await judged(kafkaPython)).toEqual({
      judge: 'kafka-python',
      version: '2.2.15',
      partitions: 3,
      configs: true,
      sent: 100,
      received: 100,
      committed: 100,
      transactional: kept,
      offsetInTransaction: [7],
      groupIsListed: true,
      deletedGroups: ['NoError'],
    })
  })

  test.skipIf(isMissing(librdkafka))('librdkafka', optionsOf(librdkafka), async () => {
    expect(await judged(librdkafka)).toEqual({
      judge: 'librdkafka',
      version: '2.11.1',
      brokers: 3,
      cleanupPolicy: 'delete',
      sent: 1000,
      received: 1000,
      committed: 1000,
      ends: 1000,
      transactional: kept,
      groupState: 'EMPTY',
      lowWatermark: 1,
      errors: [],
    })
  })

  test.skipIf(isMissing(franzGo))('franz-go, with exactly-once over a group', optionsOf(franzGo), async () => {
    expect(await judged(franzGo)).toEqual({
      judge: 'franz-go',
      duplicate: true,
      sent: 1000,
      received: 1000,
      committed: 1000,
      aborted: true,
      transacted: 1000,
      exactlyOnce: 1000,
      lag: 0,
      states: ['Empty'],
      transaction: 'CompleteCommit',
    })
  })

  test.skipIf(isMissing(streams))('Kafka Streams with exactly_once_v2, twice', optionsOf(streams), async () => {
    expect(await judged(streams, '25')).toMatchObject({
      judge: 'kafka-streams',
      counts: '{fox=100, quick=200, the=300}',
      changelog: true,
      repartition: true,
    })
  })

  test('KafkaJS', { timeout: timeoutMs }, async () => {
    expect(await verdict(nodeJudge('kafkajs.cjs')(program.bootstrap), timeoutMs)).toEqual({
      judge: 'kafkajs',
      version: '2.2.4',
      partitions: 3,
      sent: 400,
      members: 2,
      received: 403,
      transactional: kept,
      committedUpTo: 0,
      offsetInTransaction: '7',
    })
  })

  test('@platformatic/kafka', { timeout: timeoutMs }, async () => {
    expect(await verdict(nodeJudge('platformatic.mjs')(program.bootstrap), timeoutMs)).toEqual({
      judge: 'platformatic',
      partitions: 3,
      isSent: true,
      isReceived: true,
      transactional: kept,
      groupIsListed: true,
    })
  })
})
