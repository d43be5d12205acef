import { readFileSync } from 'node:fs'
import { ApiVersions, ConsumerGroupHeartbeat, DescribeGroups } from '@ottla/codec'
import { describe, expect, onTestFinished, test } from 'vitest'
import { advertised, handlerOf } from '../src/handlers/registry.ts'
import { createCluster } from '../src/index.ts'
import { failedResponse } from '../src/messages/entities.ts'
import { noQuirks } from '../src/state/quirks.ts'
import { releaseOf } from '../src/state/releases.ts'
import { Wire } from './support/wire.ts'

interface Recorded {
  readonly release: string
  readonly apis: readonly string[]
}

/** The APIs of the broker listener according to ApiKeys of each release, without unstable versions. */
const recorded = readFileSync(new URL('./releases.kafka.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded)

const produce = 0

describe('a cluster as an older Kafka', () => {
  test.each(recorded)('advertises the versions of $release, as far as they are served', ({ release, apis }) => {
    const expected = apis.flatMap((text) => {
      const [apiKey = -1, min = 0, max = 0] = text.split(/[:-]/).map(Number)
      const served = handlerOf(apiKey)
      if (served === undefined) return []
      const minVersion = apiKey === produce ? 0 : Math.max(min, served.minVersion)
      return [{ apiKey, minVersion, maxVersion: Math.min(max, served.maxVersion) }]
    })
    const offered = advertised({ release: releaseOf(release.slice(0, 3)), quirks: noQuirks }).map(
      ({ apiKey, minVersion, maxVersion }) => ({
        apiKey,
        minVersion,
        maxVersion,
      }),
    )
    expect(offered.length).toBeGreaterThan(30)
    expect(offered).toEqual(expected)
  })

  test('returns its features, and closes the connection on newer versions', async () => {
    const cluster = await createCluster({ as: '3.9', brokers: 1, listen: true, onDiagnostic: () => {} })
    onTestFinished(() => cluster.close())
    const wire = await Wire.open(String(cluster.bootstrap[0]))
    const response = await wire.request(ApiVersions, 4, { clientSoftwareName: 'a', clientSoftwareVersion: '1' })
    expect(response.finalizedFeatures).toEqual([{ name: 'metadata.version', minVersionLevel: 21, maxVersionLevel: 21 }])
    expect(response.supportedFeatures.map(({ name, maxVersion }) => `${name} ${maxVersion}`)).toEqual([
      'kraft.version 1',
      'metadata.version 21',
    ])
    const header = Buffer.from('000000000d0000000700000000', 'hex')
    // Produce 13.
    header.writeInt16BE(13, 2)
    await expect(wire.raw(header)).rejects.toThrow('closed')
  })

  test('rejects APIs that are disabled in its clusters', () => {
    expect(releaseOf('3.9')?.refused.has(ConsumerGroupHeartbeat.key)).toBe(true)
    expect(failedResponse(ConsumerGroupHeartbeat, 0, { groupId: 'g' })).toMatchObject({ errorCode: 35 })
    expect(failedResponse(DescribeGroups, 5, { groups: ['g'] })).toMatchObject({
      groups: [{ groupId: 'g', errorCode: 35 }],
    })
  })

  test('requires a known release', async () => {
    await expect(createCluster({ as: '2.8' as '3.9' })).rejects.toThrow(
      "Option 'as' must be one of 3.9, 4.0, 4.1, 4.2, 4.3, not '2.8'",
    )
  })
})
