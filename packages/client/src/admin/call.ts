import type { CallOptions } from '../call-options.ts'
import type { Broker, RequestOptions } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { onCoordinator as runOnCoordinator } from '../cluster/on-coordinator.ts'

type Attempt<T> = (broker: Broker, request: RequestOptions) => Promise<T>
/** Finds the broker for an attempt, without retries of its own: the call repeats both together. */
type Find = (attemptNo: number) => Promise<Broker>

function onBroker<T>(cluster: Cluster, operation: string, options: CallOptions, find: Find, attempt: Attempt<T>) {
  const { signal, timeoutMs } = options
  return cluster.retry({ operation, signal, timeoutMs }, async (attemptNo, current) =>
    attempt(await find(attemptNo), { signal: current }),
  )
}

/** Runs on any broker, and on another one while the failure is retriable. `operation` is the subject of errors: 'Listing topics'. */
export function onAnyBroker<T>(cluster: Cluster, operation: string, options: CallOptions, attempt: Attempt<T>) {
  return onBroker(cluster, operation, options, () => cluster.findBroker(), attempt)
}

/** Runs on the controller, which is looked up again after a failure. */
export function onController<T>(cluster: Cluster, operation: string, options: CallOptions, attempt: Attempt<T>) {
  return onBroker(cluster, operation, options, (attemptNo) => cluster.findController(attemptNo), attempt)
}

/** Runs on the coordinator of a group, which is looked up again when it has moved. */
export function onCoordinator<T>(
  cluster: Cluster,
  operation: string,
  groupId: string,
  options: CallOptions,
  attempt: Attempt<T>,
) {
  const { signal, timeoutMs } = options
  return runOnCoordinator(cluster, 'group', groupId, { operation, signal, timeoutMs }, (broker, bounded) =>
    attempt(broker, { signal: bounded }),
  )
}
