import { DescribeConfigs } from '@ottla/codec'
import { afterAll, expect, test } from 'vitest'
import { createCluster } from '../src/index.ts'
import { configDocs } from '../src/state/configs/config-docs.ts'
import { clientMetricsKeys, kafkaBrokerConfigs, kafkaGroupConfigs } from '../src/state/configs/config-table.ts'
import { topicConfigs } from '../src/state/configs/topic-config.ts'
import { WireClient } from './support/wire-client.ts'

const cluster = await createCluster({ brokers: 1, topics: [{ name: 't' }] })
afterAll(() => cluster.close())

/** By Kafka's numbers: a topic, a broker, a client metrics subscription and a group. */
const resources = [
  { resourceType: 2, resourceName: 't' },
  { resourceType: 4, resourceName: '1' },
  { resourceType: 16, resourceName: 'm' },
  { resourceType: 32, resourceName: 'g' },
]

async function describeAll(includeDocumentation: boolean, version?: number) {
  const wire = await WireClient.connect(cluster.runtime, cluster.bootstrap[0] ?? '')
  const wanted = resources.map((each) => ({ ...each, configurationKeys: null }))
  const body = { resources: wanted, includeSynonyms: false, includeDocumentation }
  const { results } = await wire.request(DescribeConfigs, body, version)
  wire.close()
  return results.map(({ resourceType, configs }) => ({ resourceType, configs }))
}

test('every listed config is documented by a sentence of its own', async () => {
  const listed = (await describeAll(true)).flatMap(({ resourceType, configs }) =>
    configs.map(({ name, documentation }) => ({ what: `${resourceType} ${name}`, text: documentation ?? '' })),
  )
  expect(listed.length).toBeGreaterThan(350)
  const isSentence = (text: string) => /^[A-Z].*[^.]\.$/.test(text) && text.length >= 20 && text.length <= 160
  expect(listed.filter(({ text }) => !isSentence(text))).toEqual([])
  const first = new Map(listed.map(({ what, text }) => [text.toLowerCase(), what]).reverse() as [string, string][])
  const repeated = listed.filter(({ what, text }) => first.get(text.toLowerCase()) !== what)
  expect(repeated).toEqual([])
})

test.each([3, 4])('documentation is sent only on request (v%i)', async (version) => {
  for (const isWanted of [false, true]) {
    const texts = (await describeAll(isWanted, version)).flatMap(({ configs }) =>
      configs.map((each) => each.documentation),
    )
    expect(texts.every((text) => (text ?? '') !== '')).toBe(isWanted)
    expect(texts.some((text) => (text ?? '') !== '')).toBe(isWanted)
  }
})

test('every config that can be set is documented, and no other', () => {
  const tables = {
    topic: Object.keys(topicConfigs),
    broker: [...kafkaBrokerConfigs().keys()],
    group: [...kafkaGroupConfigs().keys()],
    clientMetrics: [...clientMetricsKeys.keys()],
  } as const
  for (const resource of ['topic', 'broker', 'group', 'clientMetrics'] as const) {
    expect([...configDocs(resource).keys()].sort()).toEqual([...tables[resource]].sort())
  }
})
