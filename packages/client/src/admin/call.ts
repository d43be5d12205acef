import type { Broker, RequestOptions } from '../cluster/broker.ts'
import type { Cluster } from '../cluster/cluster.ts'

/** What every admin call takes. */
export interface CallOptions {
  /** The whole call with its retries; defaults to the client's `apiTimeoutMs`. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

type Attempt<T> = (broker: Broker, request: RequestOptions) => Promise<T>
type Pick = (signal: AbortSignal) => Promise<Broker>

function onBroker<T>(cluster: Cluster, operation: string, options: CallOptions, pick: Pick, attempt: Attempt<T>) {
  const { signal, timeoutMs } = options
  return cluster.retry({ operation, signal, timeoutMs }, async (_attempt, current) =>
    attempt(await pick(current), { signal: current }),
  )
}

/** Runs on any broker that answers, again on another while the failure is retriable. */
export function onAnyBroker<T>(cluster: Cluster, operation: string, options: CallOptions, attempt: Attempt<T>) {
  return onBroker(cluster, operation, options, (signal) => cluster.anyBroker({ signal }), attempt)
}

/** Runs on the controller, found anew after NOT_CONTROLLER. */
export function onController<T>(cluster: Cluster, operation: string, options: CallOptions, attempt: Attempt<T>) {
  return onBroker(cluster, operation, options, (signal) => cluster.controller({ signal }), attempt)
}

/** Runs on the coordinator of a group, looked up anew when it has moved. */
export function onCoordinator<T>(
  cluster: Cluster,
  operation: string,
  groupId: string,
  options: CallOptions,
  attempt: Attempt<T>,
) {
  return onBroker(
    cluster,
    operation,
    options,
    (signal) => cluster.coordinator('group', groupId, { signal }),
    async (broker, request) => {
      try {
        return await attempt(broker, request)
      } catch (error) {
        cluster.forgetCoordinator('group', groupId)
        throw error
      }
    },
  )
}
