import type { Cluster } from '../../cluster/cluster.ts'
import type { ProducerCluster } from '../producer-cluster.ts'

/** What a transactional producer uses of the cluster. */
export type TransactionCluster = ProducerCluster & Pick<Cluster, 'findCoordinator' | 'forgetCoordinator' | 'closing'>
