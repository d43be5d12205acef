import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  AlterClientQuotas,
  AlterUserScramCredentials,
  ApiVersions,
  CreateAcls,
  DeleteRecords,
  DescribeAcls,
  DescribeClientQuotas,
  DescribeUserScramCredentials,
  FindCoordinator,
  InitProducerId,
  OffsetCommit,
  OffsetFetch,
} from '@ottla/codec'
import { describe, expect, test } from 'vitest'
import { createCluster } from '../src/index.ts'
import { clusterIn, leaderOf, produce, readAll, temporaryDirectory } from './support/data-world.ts'
import { Wire } from './support/wire.ts'

const valuesOf = (records: readonly { readonly value: string }[]) => records.map(({ value }) => value)
const firstSegment = '00000000000000000000.log'

describe('a cluster with a data directory', () => {
  test.each(['os', 'always'] as const)('restores its state after a restart (fsync %s)', async (fsync) => {
    const dir = temporaryDirectory()
    const options = {
      fsync,
      topics: [{ name: 't', partitions: 2, replicationFactor: 3, configs: { 'retention.ms': -1 } }],
    }
    const first = await clusterIn(dir, options)
    await produce(first, 't', ['a', 'b'])
    await produce(first, 't', ['c'], { acks: 1 })
    const { clusterId } = first
    const before = first.partition('t', 0)
    await first.close()

    const second = await clusterIn(dir, options)
    expect(second.clusterId).toBe(clusterId)
    expect(second.partition('t', 0)).toMatchObject({ leader: before.leader, leaderEpoch: before.leaderEpoch + 1 })
    expect(valuesOf(await readAll(second, 't'))).toEqual(['a', 'b', 'c'])
    expect(await produce(second, 't', ['d'])).toBe(3)
    expect((await readAll(second, 't')).at(-1)).toEqual({ offset: 3, epoch: before.leaderEpoch + 1, value: 'd' })
  })

  test('keeps committed offsets, and assigns no producer id twice', async () => {
    const dir = temporaryDirectory()
    const ids: bigint[] = []
    const nextId = async (wire: Wire) =>
      ids.push((await wire.request(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1 })).producerId)
    const first = await clusterIn(dir, { brokers: 1, topics: [{ name: 't' }] })
    const wire = await leaderOf(first, 't')
    await nextId(wire)
    await nextId(wire)
    const topics = [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 42n, committedMetadata: 'm' }] }]
    const group = { groupId: 'g', generationIdOrMemberEpoch: -1, memberId: '' }
    await wire.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })
    const code = async () =>
      (await wire.request(OffsetCommit, 8, { ...group, topics })).topics[0]?.partitions[0]?.errorCode
    await expect.poll(code).toBe(0)
    await first.close()

    const second = await clusterIn(dir, { brokers: 1 })
    const again = await leaderOf(second, 't')
    await nextId(again)
    expect(ids).toEqual([0n, 1n, 1000n])
    const committed = async () => {
      const body = { groups: [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] }] }
      return (await again.request(OffsetFetch, 8, body)).groups[0]?.topics[0]?.partitions[0]?.committedOffset
    }
    await expect.poll(committed).toBe(42n)
  })

  test('keeps records and topics deleted', async () => {
    const dir = temporaryDirectory()
    const first = await clusterIn(dir, { brokers: 1, topics: [{ name: 't' }, { name: 'gone' }] })
    await produce(first, 't', ['a'])
    await produce(first, 't', ['b'])
    const wire = await leaderOf(first, 't')
    await wire.request(DeleteRecords, 2, {
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 1n }] }],
      timeoutMs: 1_000,
    })
    await first.reset()
    await produce(first, 't', ['new'])
    const { port, host } = first.broker(1)
    const other = await Wire.open(`${host}:${port}`)
    await other.request(DeleteRecords, 2, {
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 1n }] }],
      timeoutMs: 1_000,
    })
    other.close()
    await produce(first, 't', ['newer'])
    await first.close()
    const second = await clusterIn(dir, { brokers: 1 })
    expect(second.topics()).toEqual(['t', 'gone'])
    expect(second.partition('t', 0).logStartOffset).toBe(1)
    expect(valuesOf(await readAll(second, 't'))).toEqual(['newer'])
  })

  test('keeps the result of compaction and retention in its files', async () => {
    const dir = temporaryDirectory()
    const configs = { 'cleanup.policy': 'compact', 'segment.ms': 5 }
    const first = await clusterIn(dir, { brokers: 2, topics: [{ name: 't', replicationFactor: 2, configs }] })
    for (let i = 0; i < 40; i++) await produce(first, 't', [`v${i}`], { timestamp: 1_000 * i })
    const files = () => readdirSync(join(dir, 'broker-1', 't-0')).filter((name) => name.endsWith('.log'))
    const before = files()
    await first.compact()
    expect(files().length).toBeLessThan(before.length)
    const kept = await readAll(first, 't')
    expect(kept.length).toBeLessThan(10)
    await first.close()
    const second = await clusterIn(dir, { brokers: 2 })
    expect(await readAll(second, 't')).toEqual(kept)
    expect(await produce(second, 't', ['next'])).toBe(40)
  })

  test('loses no record when the log of the leader is corrupt and another replica has it', async () => {
    const dir = temporaryDirectory()
    const first = await clusterIn(dir, { topics: [{ name: 't', replicationFactor: 3 }] })
    for (const value of ['a', 'b', 'c']) await produce(first, 't', [value])
    const { leader } = first.partition('t', 0)
    await first.close()
    const path = join(dir, `broker-${leader}`, 't-0', firstSegment)
    const bytes = readFileSync(path)
    bytes[bytes.length - 3] = (bytes.at(-3) ?? 0) ^ 1
    writeFileSync(path, bytes)
    const second = await clusterIn(dir)
    expect(second.partition('t', 0).leader).not.toBe(leader)
    expect(valuesOf(await readAll(second, 't'))).toEqual(['a', 'b', 'c'])
    await expect.poll(() => second.replicas('t', 0).map(({ logEndOffset }) => logEndOffset)).toEqual([3, 3, 3])
    expect(readFileSync(path)).toEqual(readFileSync(join(dir, `broker-${(leader % 3) + 1}`, 't-0', firstSegment)))
  })

  test('truncates a torn tail at any position of the last batch', async () => {
    const dir = temporaryDirectory()
    const first = await clusterIn(dir, { brokers: 1, topics: [{ name: 't' }] })
    await produce(first, 't', ['a', 'b'])
    const path = join(dir, 'broker-1', 't-0', firstSegment)
    const whole = statSync(path).size
    await produce(first, 't', ['c'])
    await first.close()
    const bytes = readFileSync(path)
    for (let size = whole; size < bytes.length; size++) {
      writeFileSync(path, bytes)
      truncateSync(path, size)
      const cluster = await createCluster({ brokers: 1, dataDir: dir, onDiagnostic: () => {} })
      expect(cluster.partition('t', 0)).toMatchObject({ highWatermark: 2, logEndOffset: 2 })
      await cluster.close()
      expect(statSync(path).size).toBe(whole)
    }
  })

  test('truncates a last batch with a changed byte', async () => {
    const dir = temporaryDirectory()
    const first = await clusterIn(dir, { brokers: 1, topics: [{ name: 't' }] })
    await produce(first, 't', ['a', 'b'])
    const path = join(dir, 'broker-1', 't-0', firstSegment)
    const whole = statSync(path).size
    await produce(first, 't', ['c'])
    await first.close()
    const bytes = readFileSync(path)
    // Each start has a new leader epoch, and higher ones in a batch are detected: a changed epoch is valid only if it is lower.
    for (let at = whole; at < bytes.length; at++) {
      const harmed = Buffer.from(bytes)
      harmed[at] = (harmed[at] ?? 0) ^ 0x80
      writeFileSync(path, harmed)
      const messages: string[] = []
      const cluster = await createCluster({ brokers: 1, dataDir: dir, onDiagnostic: (text) => messages.push(text) })
      expect(cluster.partition('t', 0).logEndOffset, `byte ${at - whole}`).toBe(2)
      expect(messages).toEqual([expect.stringContaining(`${path} truncated at byte ${whole}:`)])
      await cluster.close()
    }
  })

  test('keeps the other decisions of the controller', async () => {
    const dir = temporaryDirectory()
    const options = {
      brokers: 1,
      acls: true,
      config: { 'super.users': 'User:ANONYMOUS' },
      topics: [{ name: 't' }],
      as: '4.1',
    } as const
    const first = await clusterIn(dir, options)
    const wire = await leaderOf(first, 't')
    const creation = { resourceType: 2, resourceName: 't', resourcePatternType: 3, principal: 'User:a', host: '*' }
    await wire.request(CreateAcls, 3, { creations: [{ ...creation, operation: 3, permissionType: 3 }] })
    const altered = await wire.request(AlterClientQuotas, 1, {
      entries: [
        {
          entity: [{ entityType: 'user', entityName: 'a' }],
          ops: [{ key: 'producer_byte_rate', value: 1_048_576, remove: false }],
        },
      ],
      validateOnly: false,
    })
    expect(altered.entries).toMatchObject([{ errorCode: 0 }])
    await wire.request(AlterUserScramCredentials, 0, {
      deletions: [],
      upsertions: [
        { name: 'a', mechanism: 1, iterations: 4096, salt: Buffer.from('salt'), saltedPassword: Buffer.alloc(32, 1) },
      ],
    })
    const stateOf = async (of: Wire) => {
      const filter = { resourceTypeFilter: 1, resourceNameFilter: null, patternTypeFilter: 1, principalFilter: null }
      const acls = { ...filter, hostFilter: null, operation: 1, permissionType: 1 }
      const { throttleTimeMs: _, ...versions } = await of.request(ApiVersions, 4, {
        clientSoftwareName: 'a',
        clientSoftwareVersion: '1',
      })
      return {
        acls: (await of.request(DescribeAcls, 3, acls)).resources,
        quotas: (await of.request(DescribeClientQuotas, 1, { components: [], strict: false })).entries,
        users: (await of.request(DescribeUserScramCredentials, 0, { users: null })).results,
        features: versions.finalizedFeatures.map(({ name, maxVersionLevel }) => `${name} ${maxVersionLevel}`).sort(),
      }
    }
    await expect.poll(async () => (await stateOf(wire)).users).toHaveLength(1)
    const before = await stateOf(wire)
    expect(before.acls).toHaveLength(1)
    expect(before.quotas).toHaveLength(1)
    expect(before.users.map(({ user }) => user)).toEqual(['a'])
    expect(before.features).toContain('metadata.version 27')
    await first.close()
    const second = await clusterIn(dir, options)
    expect(await stateOf(await leaderOf(second, 't'))).toEqual(before)
  })

  test('restores a snapshot in its files too', async () => {
    const dir = temporaryDirectory()
    const first = await clusterIn(dir, { topics: [{ name: 't', replicationFactor: 3 }] })
    await produce(first, 't', ['a'])
    const snapshot = first.snapshot()
    await produce(first, 't', ['b'])
    await first.restore(snapshot)
    await produce(first, 't', ['c'])
    await first.close()
    const second = await clusterIn(dir)
    expect(valuesOf(await readAll(second, 't'))).toEqual(['a', 'c'])
  })

  test('requires an unlocked directory with a known format and without other files', async () => {
    const dir = temporaryDirectory()
    const first = await clusterIn(dir)
    await expect(createCluster({ dataDir: dir })).rejects.toThrow(`${dir} is in use by this process`)
    await first.close()
    expect(existsSync(join(dir, '.lock'))).toBe(false)
    await expect(createCluster({ dataDir: dir, brokers: 2 })).rejects.toThrow('belongs to a cluster of 3 brokers')
    writeFileSync(join(dir, '.lock'), '1 \n')
    await expect(createCluster({ dataDir: dir })).rejects.toThrow('is in use by process 1')
    writeFileSync(join(dir, '.lock'), '999999999 123\n')
    writeFileSync(join(dir, 'ottla-testkit.json'), '{"format":2}')
    await expect(createCluster({ dataDir: dir })).rejects.toThrow('has format 2, but this program reads format 1')
    const other = temporaryDirectory()
    writeFileSync(join(other, 'thesis.txt'), '')
    await expect(createCluster({ dataDir: other })).rejects.toThrow('contains other files (thesis.txt)')
    expect(readdirSync(other)).toEqual(['thesis.txt'])
  })
})
