import type { ConsumerParts } from './parts.ts'
import { lagOf } from './status.ts'

/** The group has no assignment, or its commits fail, for longer than this: trouble. */
const groupTroubleMs = 60_000

/** Registers gauges, the health check and the metadata listener. Returns functions that unregister them. */
export function register(parts: ConsumerParts): (() => void)[] {
  const { cluster, prefetch, source, assignment, member, missing, ungrouped } = parts
  const { metrics } = cluster
  return [
    cluster.onMetadata(() => {
      source.update()
      missing.look()
      if (member === undefined) ungrouped.metadataChanged()
      else member.membership?.metadataChanged()
    }),
    metrics.gauge('consumer.bufferedBytes', () => prefetch.bufferedBytes),
    metrics.gauge('consumer.lag', () => lagOf(assignment.partitions.all) ?? -1),
    metrics.gauge('consumer.partitions', () => assignment.partitions.size),
    metrics.health(() => {
      const reason = troubleOf(parts)
      return {
        kind: 'consumer',
        name: parts.options.groupId ?? 'assigned',
        healthy: reason === undefined,
        details: {
          state: member?.state ?? parts.lifecycle.state,
          partitions: assignment.partitions.size,
          bufferedBytes: prefetch.bufferedBytes,
          lag: lagOf(assignment.partitions.all) ?? 'unknown',
          ...(reason !== undefined && { reason }),
        },
      }
    }),
  ]
}

/** Why the consumer is not healthy; undefined: it is. */
function troubleOf({ lifecycle, member, commitHealth, watchdog, runtime }: ConsumerParts): string | undefined {
  if (lifecycle.fatal !== undefined) return lifecycle.fatal.message
  if (member !== undefined && member.unstableMs >= groupTroubleMs) {
    return `no assignment from the group for ${Math.round(member.unstableMs / 1000)} s`
  }
  const { failingSinceMs } = commitHealth
  if (failingSinceMs !== undefined && runtime.monoNow() - failingSinceMs >= groupTroubleMs) return 'commits fail'
  const [stuck] = watchdog.diagnose()
  if (stuck === undefined) return undefined
  const { partition, reason, elapsedMs, error } = stuck
  const why = error === undefined ? '' : `: ${error.message}`
  return `${partition} is stuck (${reason}) for ${Math.round(elapsedMs / 1000)} s${why}`
}
