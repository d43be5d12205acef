import { coordinatorLost } from '../error-meaning.ts'
import type { Broker } from './broker.ts'
import type { Cluster } from './cluster.ts'
import type { RetryOptions } from './retry.ts'

type CoordinatorCluster = Pick<Cluster, 'retry' | 'findCoordinator' | 'forgetCoordinator'>

/** Repeats a request to the coordinator of a group, which is looked up again when it moved or could not be reached. */
export function onCoordinator<T>(
  cluster: CoordinatorCluster,
  groupId: string,
  what: RetryOptions,
  attempt: (coordinator: Broker, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return cluster.retry(what, async (_attemptNo, signal) => {
    try {
      return await attempt(await cluster.findCoordinator('group', groupId), signal)
    } catch (error) {
      if (coordinatorLost(error)) cluster.forgetCoordinator('group', groupId)
      throw error
    }
  })
}
