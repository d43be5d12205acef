import { describe, expect, test } from 'vitest'
import { findings, seedBlocks } from './chaos-findings.ts'
import type { ChaosOptions } from './chaos-plan.ts'
import { ChaosWorld } from './chaos-world.ts'

type Dimension = readonly [title: string, occurs: readonly string[], options: Omit<ChaosOptions, 'seed'>]

describe('a consumer group under chaos', () => {
  test.each(seedBlocks(100))(
    'keeps the contract and comes to rest, seeds %i to %i',
    { timeout: 240_000 },
    async (first = 0, last = 0) => {
      const { found } = await findings(first, last, (seed) => ChaosWorld.run({ seed }))
      expect(found).toEqual([])
    },
  )

  test('a seed reproduces the whole run', async () => {
    const [first, second, other] = [
      await ChaosWorld.run({ seed: 7 }),
      await ChaosWorld.run({ seed: 7 }),
      await ChaosWorld.run({ seed: 8 }),
    ]
    expect(second).toEqual(first)
    expect(other.hash).not.toBe(first.hash)
  })
})

/** Each with one dimension, so that a mutant of `test/mutants` shows that a bug in it is found. */
const dimensions: readonly Dimension[] = [
  ['the messages of an iterator', ['read by messages'], { features: ['members come and go'], reader: 'messages' }],
  ['the batches of an iterator', ['read by batches'], { features: ['members come and go'], reader: 'batches' }],
  ['poll', ['read by poll'], { features: ['members come and go'], reader: 'poll' }],
  ['a handler of messages', ['read by each'], { features: ['members come and go'], reader: 'each' }],
  ['a handler of batches', ['read by eachBatch'], { features: ['members come and go'], reader: 'eachBatch' }],
  [
    'handlers by key',
    ['work by key'],
    { features: ['members come and go', 'handler error'], reader: 'each', byKey: true },
  ],
  ['handlers by key that crash', ['work by key', 'crash'], { features: ['crash'], reader: 'each', byKey: true }],
  ['dead letters', ['dead letter'], { features: ['handler error', 'crash'], reader: 'each', letters: 'dead' }],
  ['dead letters of batches', ['dead letter'], { features: ['handler error'], reader: 'eachBatch', letters: 'dead' }],
  [
    'retry topics',
    ['read from the retry topic'],
    { features: ['handler error', 'members come and go'], letters: 'retry' },
  ],
  [
    'retry topics and restarts',
    ['read from the retry topic'],
    { features: ['handler error', 'restarts'], letters: 'retry' },
  ],
  [
    'retry topics by key',
    ['read from the retry topic'],
    { features: ['handler error'], letters: 'retry', byKey: true },
  ],
  ['several ways to read', ['read by poll', 'read by messages'], { features: ['break', 'handler error'] }],
  ['handlers that fail', ['handler error'], { features: ['handler error'] }],
  ['handlers that fail and are retried', ['handler error'], { features: ['handler error'], reader: 'each' }],
  [
    'batches of which a part is done',
    ['partial done'],
    { features: ['handler error', 'partial done'], reader: 'eachBatch' },
  ],
  [
    'loops over batches of which a part is done',
    ['partial done'],
    { features: ['handler error', 'partial done'], reader: 'batches' },
  ],
  ['breaks', ['break'], { features: ['break'], reader: 'messages' }],
  ['breaks between batches', ['break'], { features: ['break'], reader: 'batches' }],
  ['return() during next()', ['return during next'], { features: ['return during next'], reader: 'messages' }],
  ['seeks', ['seek to an offset', 'seek latest', 'seek earliest'], { features: ['seek'] }],
  ['pauses', ['pause'], { features: ['pause', 'members come and go'] }],
  ['hung handlers', ['hung handler'], { features: ['hung handler'], members: 2 }],
  [
    'hung handlers and rebalances',
    ['hung handler', 'member leaves'],
    { features: ['hung handler', 'members come and go'], members: 3, reader: 'each' },
  ],
  ['retries that last long', ['long retries'], { features: ['long retries'], reader: 'each' }],
  ['members that do not read', ['absent reader'], { features: ['absent reader', 'break'], members: 2 }],
  ['explicit commits', ['commit([…])'], { features: ['explicit commit'] }],
  ['explicit commits and seeks', ['commit([…])', 'seek to an offset'], { features: ['explicit commit', 'seek'] }],
  ['polls that fail', ['poll failed'], { features: ['handler error', 'undo', 'partial done'], reader: 'poll' }],
  ['hooks', ['hook onAssigned', 'hook onRevoked'], { features: ['hooks', 'members come and go'] }],
  ['members that come and go', ['member leaves'], { features: ['members come and go'], members: 3 }],
  [
    'cooperative rebalances',
    ['member leaves'],
    { features: ['members come and go'], members: 3, assignors: ['cooperative-sticky'] },
  ],
  ['eager rebalances', ['member leaves'], { features: ['members come and go'], members: 3, assignors: ['range'] }],
  ['members that crash', ['crash'], { features: ['crash'], members: 2 }],
  ['manual commits', ['commit mode manual'], { features: ['members come and go', 'handler error'], commit: 'manual' }],
  [
    'commits only on demand',
    ['commit mode none'],
    { features: ['members come and go', 'explicit commit'], commit: 'none' },
  ],
  [
    'commits by count',
    ['commit mode interval and count'],
    { features: ['members come and go'], commit: { intervalMs: 700, count: 10 } },
  ],
  [
    'groups that start at the end',
    ['reset: no-committed-offset'],
    { features: ['members come and go'], offsetReset: 'latest' },
  ],
  [
    'groups without a reset policy',
    ['error OFFSET_OUT_OF_RANGE'],
    { features: ['members come and go'], offsetReset: 'none' },
  ],
  ['transactions', ['transaction aborted', 'transaction committed'], { features: ['transactions'] }],
  [
    'transactions and leaders that move',
    ['transaction aborted', 'leader moved'],
    { features: ['transactions', 'leaders move'], replicationFactor: 3 },
  ],
  ['compacted topics', ['compacted', 'empty batch'], { features: ['compaction', 'seek'], offsetReset: 'earliest' }],
  ['leaders that move', ['leader moved'], { features: ['leaders move'], replicationFactor: 3 }],
  ['brokers that restart', ['broker restarted', 'broker killed'], { features: ['restarts'], replicationFactor: 3 }],
  ['brokers that restart, without replicas', ['broker killed'], { features: ['restarts'], replicationFactor: 1 }],
  ['rolling restarts', ['rolling restart'], { features: ['rolling restart'], replicationFactor: 3 }],
  ['brokers that hang', ['broker paused'], { features: ['paused broker'] }],
  ['links that are cut', ['link cut'], { features: ['cut link'] }],
  ['transient error codes', [], { features: ['error codes'] }],
  ['recreated topics', ['topic recreated'], { features: ['recreated topic'] }],
  ['deleted topics', ['topic deleted'], { features: ['deleted topic'] }],
  ['deleted records', ['records deleted'], { features: ['deleted records', 'members come and go'] }],
  [
    'deleted records without a reset policy',
    ['records deleted'],
    { features: ['deleted records', 'pause'], offsetReset: 'none' },
  ],
  ['logs that are cut', ['unclean election'], { features: ['unclean election'], replicationFactor: 3 }],
]

const seedsADimension = 4

describe('the model', () => {
  test.each(dimensions)('finds bugs in %s', { timeout: 60_000 }, async (_, occurs, options) => {
    const { found, counts } = await findings(1, seedsADimension, (seed) => ChaosWorld.run({ ...options, seed }))
    expect(found).toEqual([])
    for (const dimension of occurs) expect(counts.get(dimension) ?? 0, dimension).toBeGreaterThan(0)
  })
})
