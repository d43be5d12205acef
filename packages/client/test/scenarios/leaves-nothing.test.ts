import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createCluster } from '@ottla/testkit'
import { describe, expect, test } from 'vitest'
import { skipReason } from '../../../../tools/skip-reason.ts'
import { uniqueName } from '../support/names.ts'
import { kafkaMissing, kafkaStartTimeoutMs, sharedKafka, skipsKafka } from '../support/real-kafka.ts'
import { take } from '../support/records.ts'
import { onTargets } from '../support/targets.ts'
import { until, within } from '../support/until.ts'

const child = fileURLToPath(new URL('../support/client-program.mjs', import.meta.url))

/** The open sockets and timers of this process, by kind. */
function openResources(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) {
    if (/TCP|TLS|Timeout|Immediate|GetAddrInfo/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

onTargets('a hundred clients opened and closed', (target) => {
  test('leave no socket, timer or listener', { timeout: 120_000 }, async () => {
    const topic = await target().createTopic('hundred')
    const signalListeners = process.listenerCount('SIGTERM') + process.listenerCount('exit')
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    const useOne = async (number: number) => {
      const kafka = target().newKafka()
      await kafka.producer().send({ topic, value: String(number) })
      const consumer = kafka.consumer({ groupId: uniqueName('hundred'), topics: [topic], offsetReset: 'earliest' })
      await take(consumer, 1)
      await kafka.admin().describeCluster()
      await kafka.close()
    }
    await useOne(0)
    const before = openResources()

    for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 10 }, (_, k) => useOne(i * 10 + k)))

    const grown = () => {
      const now = openResources()
      return Object.entries(now).filter(([kind, count]) => count > (before[kind] ?? 0) + 1)
    }
    await until('what was open is closed', () => grown().length === 0, 5000).catch(() => {})
    expect(grown()).toEqual([])
    expect(process.listenerCount('SIGTERM') + process.listenerCount('exit')).toBe(signalListeners)
    expect(warnings).toEqual([])
    process.off('warning', onWarning)
  })
})

/** Runs a program that produces, consumes and closes: it must exit by itself. */
async function endsByItself(bootstrap: readonly string[]): Promise<void> {
  const program = spawn(process.execPath, [child, bootstrap.join(','), uniqueName('exit')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output] = await within('the program closes its client', 30_000, once(program.stdout, 'data'))
  expect(String(output)).toBe('closed\n')
  const [code] = program.exitCode === null ? await within('its end', 2000, once(program, 'exit')) : [program.exitCode]
  expect(code).toBe(0)
}

describe('a program exits by itself when its client is closed', () => {
  test('testkit', { timeout: 60_000 }, async () => {
    const cluster = await createCluster({ brokers: 3, listen: true })
    try {
      await endsByItself(cluster.bootstrap)
    } finally {
      await cluster.close()
    }
  })

  test.skipIf(skipsKafka)('kafka', { timeout: kafkaStartTimeoutMs, ...skipReason(kafkaMissing) }, async () => {
    await endsByItself((await sharedKafka()).bootstrap)
  })
})
