import type { Runtime } from '@ottla/codec/runtime'
import { cleanLog } from './replicas/log-cleaner.ts'
import type { Replica } from './replicas/replica.ts'

/** Deletes what retention has no place for, on this replica alone: each looks after its own log. */
export function applyRetention(replica: Replica, nowMs: number): void {
  const { retentionMs, retentionBytes, isDeletedByAge } = replica.settings
  const moved = replica.log.applyRetention({ nowMs, retentionMs, retentionBytes, isDeleted: isDeletedByAge })
  if (moved) replica.logStartMoved()
}

/** Compacts the log, if its topic is; false when the log was cut meanwhile, and stayed as it was. */
export async function compact(replica: Replica, runtime: Runtime): Promise<boolean> {
  const { settings, lastStableOffset, log } = replica
  if (!settings.isCompacted) return true
  return cleanLog(log, { ...settings, lastStableOffset, nowMs: runtime.wallNow() }, runtime)
}

/** Forgets idempotent producers that were silent for producer.id.expiration.ms: what they send next may begin anywhere. */
export function expireProducers({ log }: Replica, nowMs: number, expirationMs: number): void {
  log.producers.expireNow(nowMs, expirationMs, log.transactions.isProducerOpen)
}
