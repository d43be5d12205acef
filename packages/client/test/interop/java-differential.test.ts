import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { distribution, spawnJava } from '../../../../tools/kafka/index.mjs'
import { onRealKafka } from '../support/real-target.ts'
import { differencesOf, parseDifferences, summaryOf } from './beside-java/differences.ts'
import { JavaPeer } from './beside-java/java-peer.ts'
import { brokerRestarts, deletedTopic, leaderChanges, type Outcome, recreatedTopic } from './beside-java/scenarios.ts'
import { World } from './beside-java/world.ts'

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')
const table = parseDifferences(read('./java-differences.md'))

const recreations = ['a topic recreated immediately', 'a topic recreated later']
const scenarios = [
  'two leader changes within a batch',
  'a deleted topic among others',
  ...recreations,
  'a restart with one replica',
  'a restart of the follower in the rack',
  'a follower in the rack that appears after the join',
]

test('the table names scenarios that run, and nothing that ottla must not do', () => {
  for (const { scenario, difference, reason } of table) {
    expect(scenarios).toContain(scenario)
    expect(difference).toMatch(/^Java /)
    expect(reason.length).toBeGreaterThan(20)
  }
})

onRealKafka("ottla beside Java's consumer", (real) => {
  const outcomes = new Map<string, Outcome>()
  let peer: JavaPeer | undefined
  let world: World | undefined

  // At the same time, as most of it is waiting; but no broker is killed under the others, which may use it as their controller.
  beforeAll(async () => {
    const { target } = real()
    const java = await distribution()
    const source = fileURLToPath(new URL('./java/Peer.java', import.meta.url))
    peer = new JavaPeer((args) => spawnJava(java, args), source, target.bootstrap)
    world = new World(target.bootstrap, peer)
    const faults = { stop: (id: number) => target.kill(id), start: (id: number) => target.restart(id) }
    const calm = await Promise.all([
      leaderChanges(world),
      deletedTopic(world),
      recreatedTopic(world, 'a topic recreated immediately', 0),
      recreatedTopic(world, 'a topic recreated later', 8_000),
    ])
    const restarts = await brokerRestarts(world, faults)
    for (const outcome of [...calm, ...restarts]) outcomes.set(outcome.name, outcome)
  }, 600_000)

  afterAll(async () => {
    await world?.close()
    await peer?.kill()
  }, 60_000)

  describe.each(scenarios)('%s', (name) => {
    const outcome = (): Outcome => {
      const found = outcomes.get(name)
      if (found === undefined) throw new Error(`no scenario is named '${name}'`)
      return found
    }
    const ottla = () => outcome().facts.filter(({ label }) => label !== 'java')
    const perMode = <T>(empty: T) => ({ run: empty, iterate: empty, batches: empty, poll: empty })

    test('ottla delivers all records, and so all that Java delivers', async ({ annotate }) => {
      for (const one of outcome().facts) await annotate(summaryOf(one))
      expect(outcome().trouble).toBeUndefined()
      expect(Object.fromEntries(ottla().map(({ label, missing }) => [label, missing]))).toEqual(perMode([]))
      expect(Object.fromEntries(ottla().map(({ label, failure }) => [label, failure]))).toEqual(perMode(undefined))
    })

    test('ottla commits what was handled: never more, never a lower offset, in the end all', () => {
      const commits = ottla().map(({ label, above, back, short }) => [label, { above, back, short }])
      expect(Object.fromEntries(commits)).toEqual(perMode({ above: [], back: [], short: [] }))
    })

    test('ottla resets a position only where the topic was recreated', () => {
      const resets = ottla().flatMap(({ label, resets }) => resets.map((one) => `${label}: ${one}`))
      const justified = recreations.includes(name) ? /: recreated$/ : /^$/
      expect(resets.filter((one) => !justified.test(one))).toEqual([])
    })

    test('ottla fetches with pauses', () => {
      const limit = 100 + 20 * (outcome().elapsedMs / 1000)
      const counts = ottla().map(({ label, fetches }) => [label, fetches] as const)
      expect(counts.filter(([, fetches]) => fetches > limit)).toEqual([])
    })

    test('the clients differ only where the table says so', async ({ annotate }) => {
      const unexplained: string[] = []
      for (const { difference, details } of differencesOf(outcome())) {
        const row = table.find((one) => one.scenario === name && one.difference === difference)
        await annotate(`${difference}: ${row?.reason ?? 'not in the table'} (${details})`)
        if (row === undefined) unexplained.push(`${difference}: ${details}`)
      }
      expect(unexplained).toEqual([])
    })
  })
})
