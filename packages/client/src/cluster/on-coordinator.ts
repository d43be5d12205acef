import { coordinatorLost } from '../error-meaning.ts'
import type { Broker } from './broker.ts'
import type { Cluster } from './cluster.ts'
import type { CoordinatorKind } from './coordinators.ts'
import type { RetryOptions } from './retry.ts'

type CoordinatorCluster = Pick<Cluster, 'retry' | 'findCoordinator' | 'forgetCoordinator'>

/** Repeats a request to the coordinator of a group or a transactionalId, which is looked up again when it moved or was not reached. */
export function onCoordinator<T>(
  cluster: CoordinatorCluster,
  kind: CoordinatorKind,
  key: string,
  what: RetryOptions,
  attempt: (coordinator: Broker, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return cluster.retry(what, async (_attemptNo, signal) => {
    try {
      return await attempt(await cluster.findCoordinator(kind, key), signal)
    } catch (error) {
      if (coordinatorLost(error)) cluster.forgetCoordinator(kind, key)
      throw error
    }
  })
}
