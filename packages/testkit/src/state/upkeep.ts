import type { Replica } from './replicas/replica.ts'

/** Deletes what retention has no place for, on this replica alone: each looks after its own log. */
export function applyRetention(replica: Replica, nowMs: number): void {
  const { retentionMs, retentionBytes, isDeletedByAge } = replica.settings
  const moved = replica.log.applyRetention({ nowMs, retentionMs, retentionBytes, isDeleted: isDeletedByAge })
  if (moved) replica.logStartMoved()
}

/** Forgets idempotent producers that were silent for producer.id.expiration.ms: what they send next may begin anywhere. */
export function expireProducers({ log }: Replica, nowMs: number, expirationMs: number): void {
  log.producers.expireNow(nowMs, expirationMs, log.transactions.isProducerOpen)
}
