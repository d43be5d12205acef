/** Configs of brokers whose groups may ask for short sessions (KIP-848) and locks (KIP-932). */
export const shortTimes = {
  'group.consumer.min.session.timeout.ms': 6_000,
  'group.consumer.min.heartbeat.interval.ms': 1_000,
  'group.share.min.record.lock.duration.ms': 1_000,
}
