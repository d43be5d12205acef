import type { MetadataResponse } from '@ottla/codec'
import { beforeEach, describe, expect, test } from 'vitest'
import { MetadataCache } from './metadata-cache.ts'
import { noTopicId } from './topology.ts'

type TopicResponse = MetadataResponse['topics'][number]

const idA = 'AAAAAAAAAAAAAAAAAAAAAQ'
const idB = 'AAAAAAAAAAAAAAAAAAAAAg'
const unknown = 3
const leaderNotAvailable = 5
const notAuthorized = 29

interface Leader {
  readonly leader: number
  readonly epoch: number
  readonly errorCode?: number
}

function topic(name: string, leaders: readonly Leader[], topicId = idA, errorCode = 0): TopicResponse {
  const partitions = leaders.map(({ leader, epoch, errorCode: code = 0 }, partitionIndex) => ({
    errorCode: code,
    partitionIndex,
    leaderId: leader,
    leaderEpoch: epoch,
    replicaNodes: [1, 2],
    isrNodes: [1],
    offlineReplicas: [],
  }))
  return { errorCode, name, topicId, isInternal: false, partitions, topicAuthorizedOperations: 0 }
}

const failed = (name: string, errorCode: number, topicId = noTopicId) => topic(name, [], topicId, errorCode)

let cache: MetadataCache
const leaders = (name: string) => cache.topic(name)?.partitions.map(({ leader }) => leader)

beforeEach(() => {
  cache = new MetadataCache(5_000)
})

describe('the metadata cache', () => {
  test('ignores older leader epochs, and applies equal, newer and unknown ones', () => {
    cache.apply([topic('t', [{ leader: 1, epoch: 5 }])], false, 0)
    cache.apply([topic('t', [{ leader: 2, epoch: 4 }])], false, 0)
    expect(leaders('t')).toEqual([1])
    cache.apply([topic('t', [{ leader: 2, epoch: 5 }])], false, 0)
    expect(leaders('t')).toEqual([2])
    cache.apply([topic('t', [{ leader: 3, epoch: 6 }])], false, 0)
    expect(leaders('t')).toEqual([3])
    cache.apply([topic('t', [{ leader: 1, epoch: -1 }])], false, 0)
    expect(leaders('t')).toEqual([1])
  })

  test('keeps the last leader while a broker reports none in the same epoch, and drops it in a newer one', () => {
    cache.apply([topic('t', [{ leader: 1, epoch: 5 }])], false, 0)
    cache.apply([topic('t', [{ leader: -1, epoch: 5, errorCode: leaderNotAvailable }])], false, 0)
    expect(leaders('t')).toEqual([1])
    cache.apply([topic('t', [{ leader: -1, epoch: 6, errorCode: leaderNotAvailable }])], false, 0)
    expect(leaders('t')).toEqual([-1])
  })

  test('replaces a topic that has a new id', () => {
    cache.apply(
      [
        topic('t', [
          { leader: 1, epoch: 9 },
          { leader: 1, epoch: 9 },
        ]),
      ],
      false,
      0,
    )
    cache.apply([topic('t', [{ leader: 2, epoch: 0 }], idB)], false, 0)
    expect(leaders('t')).toEqual([2])
    expect(cache.topicById(idA)).toBeUndefined()
    expect(cache.topicById(idB)?.name).toBe('t')
  })

  test('replaces a topic after an absence where brokers have no topic ids', () => {
    cache.apply([topic('t', [{ leader: 1, epoch: 9 }], noTopicId)], false, 0)
    cache.apply([topic('t', [{ leader: 2, epoch: 0 }], noTopicId)], false, 0)
    expect(leaders('t')).toEqual([1])
    cache.apply([failed('t', unknown)], false, 0)
    cache.apply([topic('t', [{ leader: 2, epoch: 0 }], noTopicId)], false, 0)
    expect(leaders('t')).toEqual([2])
  })

  test('keeps a topic that is missing for a moment, then treats it as deleted', () => {
    cache.apply([topic('t', [{ leader: 1, epoch: 1 }])], false, 0)
    cache.apply([failed('t', unknown)], false, 1_000)
    expect(leaders('t')).toEqual([1])
    cache.apply([failed('t', unknown)], false, 5_999)
    expect(leaders('t')).toEqual([1])
    cache.apply([failed('t', unknown)], false, 6_000)
    expect(cache.topic('t')).toBeUndefined()
    expect(cache.topicById(idA)).toBeUndefined()
    expect(cache.errorCodeOf('t')).toBe(unknown)
  })

  test('measures the absence from the last response that contained the topic', () => {
    cache.apply([topic('t', [{ leader: 1, epoch: 1 }])], false, 0)
    cache.apply([failed('t', unknown)], false, 1_000)
    cache.apply([topic('t', [{ leader: 1, epoch: 1 }])], false, 2_000)
    cache.apply([failed('t', unknown)], false, 6_500)
    expect(leaders('t')).toEqual([1])
  })

  test('keeps a topic with a transient error, and drops one without authorization', () => {
    cache.apply([topic('t', [{ leader: 1, epoch: 1 }])], false, 0)
    cache.apply([failed('t', leaderNotAvailable)], false, 0)
    expect(leaders('t')).toEqual([1])
    cache.apply([failed('t', notAuthorized)], false, 0)
    expect(cache.topic('t')).toBeUndefined()
    expect(cache.errorCodeOf('t')).toBe(notAuthorized)
  })

  test('keeps the error of one topic away from the others', () => {
    cache.apply([failed('a', unknown), topic('b', [{ leader: 1, epoch: 1 }]), failed('c', notAuthorized)], false, 0)
    expect(leaders('b')).toEqual([1])
  })

  test('treats topics that are missing from a complete response as unknown', () => {
    cache.apply([topic('a', [{ leader: 1, epoch: 1 }]), topic('b', [{ leader: 1, epoch: 1 }], idB)], true, 0)
    cache.apply([topic('a', [{ leader: 1, epoch: 1 }])], true, 1_000)
    cache.apply([topic('a', [{ leader: 1, epoch: 1 }])], true, 6_000)
    expect(cache.topics().map(({ name }) => name)).toEqual(['a'])
  })

  test('adds new partitions immediately, and does not lose them to a broker that is behind', () => {
    cache.apply([topic('t', [{ leader: 1, epoch: 1 }])], false, 0)
    cache.apply(
      [
        topic('t', [
          { leader: 1, epoch: 1 },
          { leader: 2, epoch: 0 },
        ]),
      ],
      false,
      0,
    )
    cache.apply([topic('t', [{ leader: 1, epoch: 1 }])], false, 0)
    expect(leaders('t')).toEqual([1, 2])
  })

  test('changes its version, and the objects, only when something changed', () => {
    cache.apply(
      [
        topic('t', [
          { leader: 1, epoch: 1 },
          { leader: 1, epoch: 1 },
        ]),
      ],
      false,
      0,
    )
    const { version } = cache
    const before = cache.topic('t')!
    cache.apply(
      [
        topic('t', [
          { leader: 1, epoch: 1 },
          { leader: 1, epoch: 1 },
        ]),
      ],
      false,
      9,
    )
    expect(cache.version).toBe(version)
    expect(cache.topic('t')).toBe(before)
    cache.apply(
      [
        topic('t', [
          { leader: 1, epoch: 1 },
          { leader: 2, epoch: 2 },
        ]),
      ],
      false,
      9,
    )
    expect(cache.version).toBe(version + 1)
    expect(cache.topic('t')!.partitions[0]).toBe(before.partitions[0])
    expect(cache.topic('t')!.partitions[1]).not.toBe(before.partitions[1])
  })

  test('applies leaders from other responses only with a newer epoch (KIP-951)', () => {
    cache.apply([topic('t', [{ leader: 1, epoch: 5 }])], false, 0)
    expect(cache.updateLeader('t', 0, 2, 5)).toBe(false)
    expect(cache.updateLeader('t', 0, 2, 6)).toBe(true)
    expect(cache.partition('t', 0)).toMatchObject({ leader: 2, leaderEpoch: 6 })
    expect(cache.updateLeader('t', 7, 2, 6)).toBe(false)
    expect(cache.updateLeader('other', 0, 2, 6)).toBe(false)
    cache.apply([topic('t', [{ leader: 1, epoch: 5 }])], false, 0)
    expect(leaders('t')).toEqual([2])
  })

  test('holds topics named like built-ins', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
    cache.apply(
      names.map((name) => topic(name, [{ leader: 1, epoch: 1 }], noTopicId)),
      false,
      0,
    )
    expect(cache.topics().map(({ name }) => name)).toEqual(names)
    expect(cache.topic('valueOf')).toBeUndefined()
  })

  test('allocates little for a partition index that is too large', () => {
    const response = topic('t', [{ leader: 1, epoch: 1 }])
    response.partitions[0]!.partitionIndex = 0x7fffffff
    cache.apply([response, topic('u', [{ leader: 1, epoch: 1 }], idB)], false, 0)
    expect(cache.topic('t')?.partitions.length ?? 0).toBeLessThanOrEqual(1_001)
    expect(leaders('u')).toEqual([1])
  })

  test('drops topics that are not watched', () => {
    cache.apply([topic('a', [{ leader: 1, epoch: 1 }]), topic('b', [{ leader: 1, epoch: 1 }], idB)], false, 1_000)
    cache.forget((name) => name === 'b', 1_001)
    expect(cache.topics().map(({ name }) => name)).toEqual(['b'])
    expect(cache.topicById(idA)).toBeUndefined()
  })
})
