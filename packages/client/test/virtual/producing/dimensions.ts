import type { ProducerChaosOptions } from './plan.ts'
import { chaosQuirks } from './quirks.ts'

/** Runs with the same features, in some of which the named events must occur. */
export type Dimension = readonly [title: string, occurs: readonly string[], options: Omit<ProducerChaosOptions, 'seed'>]

/** Each with one dimension, so that a mutant of `test/mutants/producer` shows that a bug in it is found. */
export const dimensions: readonly Dimension[] = [
  ['arrays', ['array'], { features: ['arrays', 'lost responses'] }],
  ['enqueue and room', ['enqueue', 'room'], { features: ['enqueue', 'small buffer', 'bursts', 'delays'] }],
  ['keys', ['acknowledged'], { features: ['keys', 'leaders move'], replicationFactor: 3 }],
  ['named partitions', ['acknowledged'], { features: ['named partitions', 'restarts'], replicationFactor: 3 }],
  ['aborts', ['abort', 'failed ABORTED'], { features: ['aborts', 'small buffer', 'bursts', 'throttling'] }],
  ['flush', ['flush'], { features: ['flush', 'delays', 'linger'] }],
  ['producers that close midway', ['closed midway'], { features: ['close midway', 'delays', 'bursts'] }],
  ['objects that are used again', ['objects used again'], { features: ['objects used again', 'arrays', 'delays'] }],
  [
    'producers whose first batches fail',
    ['closed midway', 'acknowledged'],
    { features: ['close midway', 'bursts', 'arrays', 'error codes', 'few replicas'], replicationFactor: 3 },
  ],
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
    'brokers that report false sequences and epochs',
    ['false OUT_OF_ORDER_SEQUENCE_NUMBER', 'false INVALID_PRODUCER_EPOCH'],
    {
      features: ['false codes', 'bursts'],
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
  [
    'topics that are created again, with lost responses (4.0)',
    ['topic recreated', 'response lost'],
    { features: ['recreated topic', 'lost responses', 'bursts'], release: '4.0' },
  ],
  [
    'transactions',
    ['transaction committed', 'transaction aborted', 'sendOffsets'],
    { features: ['transactions'], replicationFactor: 3 },
  ],
  [
    'transactions with lost responses',
    ['transaction response lost', 'response lost'],
    { features: ['transactions', 'lost responses'] },
  ],
  [
    'transactions whose coordinator moves',
    ['broker killed', 'transaction committed'],
    { features: ['transactions', 'restarts', 'rolling restart'], replicationFactor: 3 },
  ],
  ['transactions with error codes', ['transaction committed'], { features: ['transactions', 'error codes'] }],
  [
    'instances with one transactionalId',
    ['another instance begins', 'transaction committed'],
    { features: ['transactions', 'fencing', 'delays'] },
  ],
  [
    'transactions while disks are full',
    ['disk full', 'transaction committed'],
    { features: ['transactions', 'full disk'] },
  ],
  ...chaosQuirks.map(
    ({ name }): Dimension => [
      `a cluster that differs: ${name}`,
      [`quirk: ${name}`, 'acknowledged'],
      { features: ['quirks', 'restarts', 'lost responses', 'several producers'], quirk: name },
    ],
  ),
]
