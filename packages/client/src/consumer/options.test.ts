import { expect, test } from 'vitest'
import { type ConsumerOptions, resolveConsumerOptions } from './options.ts'

test('the defaults', () => {
  const options = resolveConsumerOptions({ groupId: 'g', topics: 't' })
  expect(options).toMatchObject({
    topics: ['t'],
    offsetReset: 'latest',
    isolation: 'read_committed',
    sessionTimeoutMs: 45_000,
    heartbeatIntervalMs: 3_000,
    rebalanceTimeoutMs: 300_000,
    maxProcessingMs: 300_000,
    maxBufferedBytes: 64 << 20,
    commit: { mark: true, automatic: true, intervalMs: 5_000 },
  })
  expect(options.assignors.map(({ name }) => name)).toEqual(['range', 'cooperative-sticky'])
  expect(Object.isFrozen(options)).toBe(true)
})

test('without a group nothing is committed', () => {
  const options = resolveConsumerOptions({ assign: [{ topic: 't', partition: 0, offset: 5n }] })
  expect(options.commit.automatic).toBe(false)
})

const refused: [ConsumerOptions, RegExp][] = [
  [{ topics: ['t'] }, /Option 'groupId' of kafka.consumer\(\) is required with 'topics'/],
  [{ groupId: 'g' }, /Either 'topics' \(with 'groupId'\) or 'assign' of kafka.consumer\(\) is required/],
  [{ groupId: 'g', topics: ['t'], assign: [{ topic: 't', partition: 0 }] }, /exclude each other/],
  [{ groupId: 'g', topics: [] }, /'topics' of kafka.consumer\(\) must be topic names, patterns or typed topics/],
  [{ groupId: 'g', topics: [''] }, /'topics' of kafka.consumer\(\) must be/],
  [{ assign: [{ topic: 't', partition: -1 }] }, /'assign' of kafka.consumer\(\) must list partitions/],
  [{ assign: [{ topic: 't', partition: 0, offset: 1.5 }] }, /'assign' of kafka.consumer\(\) must list partitions/],
  [{ assign: [{ topic: 't', partition: 0 }], commit: 'auto' }, /'commit' of kafka.consumer\(\) requires 'groupId'/],
  [{ groupId: 'g', topics: 't', commit: 'never' as never }, /'commit' of kafka.consumer\(\) must be/],
  [{ groupId: 'g', topics: 't', commit: { intervalMs: -1 } }, /'commit' of kafka.consumer\(\) must be/],
  [{ groupId: 'g', topics: 't', offsetReset: 'begin' as never }, /'offsetReset' of kafka.consumer\(\) must be one of/],
  [{ groupId: 'g', topics: 't', assignors: ['best' as never] }, /'assignors' of kafka.consumer\(\) must list/],
  [
    { groupId: 'g', topics: 't', assignors: ['range', 'range'] },
    /'assignors' of kafka.consumer\(\) contains a duplicate/,
  ],
  [{ groupId: 'g', topics: 't', protocol: 'new' as never }, /'protocol' of kafka.consumer\(\) must be one of/],
  [{ groupId: 'g', topics: 't', heartbeatIntervalMs: 45_000 }, /less than 'sessionTimeoutMs'/],
  [{ groupID: 'g', topics: 't' } as never, /'groupID' of kafka.consumer\(\) does not exist/],
]
test.each(refused)('rejects %o', (options, message) => {
  expect(() => resolveConsumerOptions(options)).toThrow(message)
})
