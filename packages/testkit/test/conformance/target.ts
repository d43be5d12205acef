import { createCluster, type TestCluster } from '@ottla/testkit'
import type { Target } from './stage.ts'

/** The testkit with the configuration of the real cluster of tools/kafka. */
const sameConfig = {
  'default.replication.factor': 3,
  'offsets.topic.num.partitions': 8,
  'transaction.state.log.num.partitions': 8,
  'transaction.state.log.min.isr': 2,
  'min.insync.replicas': 1,
  'group.initial.rebalance.delay.ms': 0,
  'group.min.session.timeout.ms': 500,
  'delegation.token.secret.key': 'ottla-secret',
  'group.share.assignment.interval.ms': 1000,
} as const

export async function startTestkit(): Promise<{ readonly cluster: TestCluster; readonly target: Target }> {
  const cluster = await createCluster({
    listeners: [{ protocol: 'PLAINTEXT' }, { protocol: 'SASL_PLAINTEXT' }],
    sasl: { users: { alice: 'alice-secret' }, oauthbearer: {} },
    acls: { superUsers: ['ANONYMOUS', 'alice'], allowEveryoneIfNoAclFound: true },
    racks: ['rack-1', 'rack-2', 'rack-3'],
    config: sameConfig,
    onDiagnostic: () => {},
  })
  return {
    cluster,
    target: { name: 'the testkit', plaintext: cluster.bootstrap, sasl: cluster.bootstrapOf('SASL_PLAINTEXT') },
  }
}
