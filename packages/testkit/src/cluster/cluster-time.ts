import type { Runtime } from '@ottla/runtime'
import type { NetworkConditions } from '../network/memory.ts'
import { type Clock, ClusterClock } from '../runtime/clock.ts'
import { backgroundRuntime, systemRuntime } from '../runtime/node-runtime.ts'
import { VirtualTime } from '../runtime/virtual.ts'
import { VirtualClock } from '../runtime/virtual-clock.ts'
import type { ResolvedOptions } from './options.ts'

/** The sources of a cluster's time and randomness. */
export interface ClusterTime {
  readonly clock: Clock
  /** For timeouts of the test's own calls: the machine's clock, unless time is virtual. */
  readonly host: Runtime
  readonly brokers: Runtime
  readonly clients: Runtime
  readonly conditions: NetworkConditions | undefined
  readonly virtual: VirtualTime | undefined
  /** Resolves when brokers have run everything deferred so far. */
  turn(): Promise<void>
}

export function clusterTime({ time, seed, runtime, keepAlive }: ResolvedOptions): ClusterTime {
  if (time === 'virtual') {
    const virtual = new VirtualTime({ seed })
    const { brokers, clients, conditions } = virtual
    const turn = () => virtual.turn()
    return { clock: new VirtualClock(virtual), host: brokers, brokers, clients, conditions, virtual, turn }
  }
  const host = runtime ?? systemRuntime
  const clock = new ClusterClock(host, runtime === undefined && !keepAlive ? backgroundRuntime : host)
  const turn = () => new Promise<void>((resolve) => clock.runtime.defer(resolve))
  const { brokers, runtime: clients } = clock
  return { clock, host, brokers, clients, conditions: undefined, virtual: undefined, turn }
}
