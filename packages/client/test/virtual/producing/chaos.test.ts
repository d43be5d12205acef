import { describe, expect, test } from 'vitest'
import type { ProducerChaosOptions } from './plan.ts'
import { ProducerWorld } from './world.ts'

type Dimension = readonly [title: string, occurs: readonly string[], options: Omit<ProducerChaosOptions, 'seed'>]

const seedsOfCi = 300
const seedsABlock = 50
const blocks = Array.from({ length: seedsOfCi / seedsABlock }, (_, at) => [
  at * seedsABlock + 1,
  (at + 1) * seedsABlock,
])

/** The findings of these seeds, and how often each dimension occurred. */
async function findings(first: number, last: number, options: Omit<ProducerChaosOptions, 'seed'> = {}) {
  const found: string[] = []
  const counts = new Map<string, number>()
  for (let seed = first; seed <= last; seed++) {
    const { violations, stalls, counts: more } = await ProducerWorld.run({ ...options, seed })
    found.push(...violations.slice(0, 1), ...stalls.slice(0, 1))
    for (const [dimension, times] of Object.entries(more)) counts.set(dimension, (counts.get(dimension) ?? 0) + times)
  }
  return { found, counts }
}

describe('producers under chaos', () => {
  test.each(blocks)(
    'settle each record once and as the logs have it, seeds %i to %i',
    { timeout: 120_000 },
    async (first = 0, last = 0) => {
      const { found } = await findings(first, last)
      expect(found).toEqual([])
    },
  )

  test('a seed reproduces the whole run', async () => {
    const [first, second, other] = [
      await ProducerWorld.run({ seed: 7 }),
      await ProducerWorld.run({ seed: 7 }),
      await ProducerWorld.run({ seed: 8 }),
    ]
    expect(second).toEqual(first)
    expect(other.hash).not.toBe(first.hash)
  })
})

/** Each with one dimension, so that a mutant of `test/mutants/producer` shows that a bug in it is found. */
const dimensions: readonly Dimension[] = [
  ['arrays', ['array'], { features: ['arrays', 'lost responses'] }],
  ['enqueue and room', ['enqueue', 'room'], { features: ['enqueue', 'small buffer', 'bursts', 'delays'] }],
  ['keys', ['acknowledged'], { features: ['keys', 'leaders move'], replicationFactor: 3 }],
  ['named partitions', ['acknowledged'], { features: ['named partitions', 'restarts'], replicationFactor: 3 }],
  ['aborts', ['abort', 'failed ABORTED'], { features: ['aborts', 'small buffer', 'bursts', 'throttling'] }],
  ['flush', ['flush'], { features: ['flush', 'delays', 'linger'] }],
  ['producers that close midway', ['closed midway'], { features: ['close midway', 'delays', 'bursts'] }],
  ['objects that are used again', ['objects used again'], { features: ['objects used again', 'arrays', 'delays'] }],
  [
    'objects that are used again, under backpressure',
    ['objects used again'],
    {
      features: ['objects used again', 'arrays', 'bursts', 'small buffer', 'delays'],
    },
  ],
  ['idle topics', ['idle topic'], { features: ['idle topics'], replicationFactor: 3 }],
  ['acks=1', ['acks 1'], { features: ['acks 1', 'lost responses', 'delays'] }],
  ['acks=0', ['acks 0'], { features: ['acks 0', 'leaders move'], replicationFactor: 3 }],
  [
    'producers without idempotence',
    ['not idempotent'],
    { features: ['not idempotent', 'lost responses', 'error codes'] },
  ],
  ['compression', ['compression'], { features: ['compression', 'lost responses', 'too large'] }],
  ['linger', ['acknowledged'], { features: ['linger', 'short deadlines', 'delays'] }],
  ['a small buffer', ['failed BUFFER_FULL'], { features: ['small buffer', 'bursts', 'delays', 'short deadlines'] }],
  ['short deadlines', ['failed DELIVERY_TIMED_OUT'], { features: ['short deadlines', 'delays', 'paused broker'] }],
  ['several producers', ['acknowledged'], { features: ['several producers', 'lost responses', 'restarts'] }],
  ['leaders that move', ['leader moved'], { features: ['leaders move', 'bursts'], replicationFactor: 3 }],
  ['brokers that restart', ['broker restarted', 'broker killed'], { features: ['restarts'], replicationFactor: 3 }],
  ['brokers that restart, without replicas', ['broker killed'], { features: ['restarts'], replicationFactor: 1 }],
  ['rolling restarts', ['rolling restart'], { features: ['rolling restart'], replicationFactor: 3 }],
  ['brokers missing from the metadata', ['broker missing'], { features: ['missing brokers'], replicationFactor: 3 }],
  [
    'brokers missing from the metadata, without replicas',
    ['broker missing'],
    {
      features: ['missing brokers'],
      replicationFactor: 1,
    },
  ],
  ['a leader alone in sync', ['isr of one'], { features: ['isr of one'], replicationFactor: 3 }],
  ['brokers that hang', ['broker paused'], { features: ['paused broker', 'bursts'], replicationFactor: 3 }],
  ['links that are cut', ['link cut'], { features: ['cut link'], replicationFactor: 3 }],
  ['error codes', [], { features: ['error codes', 'bursts'] }],
  ['lost responses', ['response lost'], { features: ['lost responses', 'bursts'] }],
  [
    'lost responses and short deadlines',
    ['response lost', 'failed DELIVERY_TIMED_OUT'],
    {
      features: ['lost responses', 'short deadlines', 'bursts', 'delays'],
    },
  ],
  ['broken responses', ['response broken'], { features: ['broken responses'] }],
  ['delays', ['delay', 'slow broker'], { features: ['delays'] }],
  ['throttling', ['throttling'], { features: ['throttling'] }],
  [
    'metadata that is stale or silent',
    ['metadata fault'],
    {
      features: ['metadata faults', 'leaders move'],
      replicationFactor: 3,
    },
  ],
  ['requests for producer ids', ['producer id fault'], { features: ['producer id faults', 'close midway'] }],
  ['too few replicas', ['few replicas'], { features: ['few replicas'], replicationFactor: 3 }],
  ['full disks', ['disk full'], { features: ['full disk', 'bursts'], replicationFactor: 3 }],
  ['batches that are too large', ['smaller limit'], { features: ['too large', 'bursts', 'arrays'] }],
  [
    'batches that are too large after lost responses',
    ['smaller limit', 'response lost'],
    {
      features: ['too large', 'lost responses', 'bursts'],
    },
  ],
  [
    'brokers that lie about sequences and epochs',
    ['lie OUT_OF_ORDER_SEQUENCE_NUMBER', 'lie INVALID_PRODUCER_EPOCH'],
    {
      features: ['lies', 'bursts'],
    },
  ],
  ['topics that are created again (3.9)', ['topic recreated'], { features: ['recreated topic'], release: '3.9' }],
  [
    'topics that are created again (4.3)',
    ['topic recreated'],
    { features: ['recreated topic', 'bursts'], release: '4.3' },
  ],
  [
    'topics that are created again, under faults',
    ['topic recreated', 'response lost'],
    {
      features: ['recreated topic', 'lost responses', 'delays', 'named partitions', 'keys'],
    },
  ],
  ['deleted topics', ['topic deleted'], { features: ['deleted topic'] }],
  ['partitions that are added', ['partitions added'], { features: ['partitions added', 'named partitions', 'keys'] }],
  ['logs that are cut', ['unclean election'], { features: ['unclean election'], replicationFactor: 3 }],
]

const seedsADimension = 4

describe('the log oracle', () => {
  test.each(dimensions)('finds bugs in %s', { timeout: 60_000 }, async (_, occurs, options) => {
    const { found, counts } = await findings(1, seedsADimension, options)
    expect(found).toEqual([])
    for (const dimension of occurs) expect(counts.get(dimension) ?? 0, dimension).toBeGreaterThan(0)
  })
})
