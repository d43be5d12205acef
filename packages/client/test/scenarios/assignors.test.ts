import { expect, test } from 'vitest'
import { type Assignor, type ConsumerOptions, type RawAssignor, silentLogger } from '../../src/index.ts'
import { Member, untilShared } from '../support/member.ts'
import { onTargets } from '../support/targets.ts'
import { until } from '../support/until.ts'

const quick = { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 200 }
const text = (bytes: Uint8Array | null) => (bytes === null ? '' : Buffer.from(bytes).toString())

onTargets('assignors', (target) => {
  async function group(name: string, partitions: number) {
    const topic = await target().createTopic(name, { partitions })
    const groupId = target().uniqueName(name)
    const join = (options: Partial<ConsumerOptions>) =>
      new Member(target().newKafka({ logger: silentLogger }), { ...quick, groupId, topics: [topic], ...options })
    return { groupId, topic, join }
  }

  test('sticky: members keep what they had when others come and go', async () => {
    const { join } = await group('sticky', 6)
    const sticky = { assignors: ['sticky'] as const }
    const [a, b] = [join(sticky), join(sticky)]
    const before = await untilShared([a, b], [3, 3])
    const c = join(sticky)
    const during = await untilShared([a, b, c], [2, 2, 2])
    for (const i of [0, 1]) expect(before[i]).toEqual(expect.arrayContaining(during[i]!))
    await c.leave()
    const after = await untilShared([a, b], [3, 3])
    for (const i of [0, 1]) expect(after[i]).toEqual(expect.arrayContaining(during[i]!))
  })

  test("a custom assignor divides by the members' user data, informs them, and assigns again after rejoin()", async () => {
    const { topic, join } = await group('weights', 6)
    const weights = { small: 1, large: 2 }
    const notes: string[] = []
    const weighted = (name: keyof typeof weights): Assignor => ({
      name: 'weighted',
      protocol: 'eager',
      userData: () => Buffer.from(String(weights[name])),
      async assign({ members, topics }) {
        const total = members.reduce((sum, { userData }) => sum + Number(text(userData)), 0)
        const { partitionCount = 0 } = topics.get(topic) ?? {}
        let next = 0
        return new Map(
          members.map(({ memberId, userData }) => {
            const share = (partitionCount * Number(text(userData))) / total
            const partitions = Array.from({ length: share }, () => ({ topic, partition: next++ }))
            return [memberId, { partitions, userData: Buffer.from(`${share} of ${partitionCount}`) }]
          }),
        )
      },
      onAssigned: ({ userData }) => void notes.push(`${name}: ${text(userData)}`),
    })
    const small = join({ assignors: [weighted('small')] })
    const large = join({ assignors: [weighted('large')] })
    await untilShared([small, large], [2, 4])
    expect(notes).toEqual(expect.arrayContaining(['small: 2 of 6', 'large: 4 of 6']))
    const statuses = [small, large].map(({ consumer }) => consumer.status())
    expect(statuses.filter(({ isLeader }) => isLeader)).toHaveLength(1)
    expect(new Set(statuses.map(({ leaderId }) => leaderId)).size).toBe(1)
    weights.small = 4
    small.consumer.rejoin({ reason: 'more memory' })
    await untilShared([small, large], [4, 2])
    await until('both are settled', () => [small, large].every(({ consumer }) => !consumer.status().rebalancing))
  })

  test('a raw assignor shares a group with the client that wrote other bytes', async () => {
    const { topic, join } = await group('raw', 4)
    // The format of Kafka, version 0, as clients write it that have no library for it.
    const list = (...partitions: number[]) => {
      const name = Buffer.from(topic)
      const bytes = Buffer.alloc(2 + 4 + 2 + name.length + 4 + 4 * partitions.length + 4)
      let at = bytes.writeInt32BE(1, bytes.writeInt16BE(0, 0))
      at = bytes.writeInt16BE(name.length, at)
      at += name.copy(bytes, at)
      at = bytes.writeInt32BE(partitions.length, at)
      for (const partition of partitions) at = bytes.writeInt32BE(partition, at)
      bytes.writeInt32BE(-1, at)
      return bytes
    }
    const seen = new Set<string>()
    const raw = (name: string): RawAssignor => ({
      raw: true,
      name: 'bytes',
      protocol: 'eager',
      metadata: () => Buffer.from(name),
      assign({ members, topics }) {
        for (const { metadata } of members) seen.add(text(metadata))
        const all = Array.from({ length: topics.get(topic)?.partitionCount ?? 0 }, (_, partition) => partition)
        return new Map(
          members.map(({ memberId }, i) => [memberId, list(...all.filter((p) => p % members.length === i))]),
        )
      },
    })
    const [a, b] = [join({ assignors: [raw('a')] }), join({ assignors: [raw('b')] })]
    const shared = await untilShared([a, b], [2, 2])
    expect(shared.map(String).sort()).toEqual(['0,2', '1,3'])
    expect([...seen].sort()).toEqual(['a', 'b'])
  })

  test('an assignor that fails ends its member, and the group continues with another one', async () => {
    const { join } = await group('failing', 2)
    const failing: Assignor = {
      name: 'mine',
      protocol: 'eager',
      assign: ({ leaderId }) => new Map([[leaderId, [{ topic: 'another', partition: 0 }]]]),
    }
    const first = join({ assignors: [failing] })
    await expect(first.running).rejects.toMatchObject({ code: 'ASSIGNOR_FAILED', fatal: true })
    const second = join({ assignors: [{ ...failing, assign: () => new Map() }] })
    await untilShared([second], [0])
  })
})
