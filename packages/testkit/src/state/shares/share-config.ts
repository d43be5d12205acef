import type { BrokerConfig } from '../configs/broker-config.ts'

/** The configs of one share group: its own override the broker's. */
export interface ShareConfig {
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly assignmentIntervalMs: number
  readonly recordLockDurationMs: number
  readonly deliveryCountLimit: number
  readonly partitionMaxRecordLocks: number
  /** `latest`, `earliest`, or a timestamp in ms. */
  readonly autoOffsetReset: 'latest' | 'earliest' | number
  readonly readsCommitted: boolean
  readonly isRenewEnabled: boolean
}

/** The limits of all share groups of a broker. */
export interface ShareLimits {
  readonly maxSize: number
  readonly initializeRetryIntervalMs: number
}

const durations = /^by_duration:P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i

export function shareConfigOf(config: BrokerConfig, own: ReadonlyMap<string, string>, nowMs: number): ShareConfig {
  const number = (name: string, broker: number) => Number(own.get(name) ?? broker)
  return {
    sessionTimeoutMs: number('share.session.timeout.ms', config.number('group.share.session.timeout.ms')),
    heartbeatIntervalMs: number('share.heartbeat.interval.ms', config.number('group.share.heartbeat.interval.ms')),
    assignmentIntervalMs: number('share.assignment.interval.ms', config.number('group.share.assignment.interval.ms')),
    recordLockDurationMs: number('share.record.lock.duration.ms', config.number('group.share.record.lock.duration.ms')),
    deliveryCountLimit: number('share.delivery.count.limit', config.number('group.share.delivery.count.limit')),
    partitionMaxRecordLocks: number(
      'share.partition.max.record.locks',
      config.number('group.share.partition.max.record.locks'),
    ),
    autoOffsetReset: resetOf(own.get('share.auto.offset.reset') ?? 'latest', nowMs),
    readsCommitted: own.get('share.isolation.level')?.toLowerCase() === 'read_committed',
    isRenewEnabled: own.get('share.renew.acknowledge.enable') !== 'false',
  }
}

function resetOf(value: string, nowMs: number): ShareConfig['autoOffsetReset'] {
  const duration = durations.exec(value)
  if (duration === null) return value.toLowerCase() === 'earliest' ? 'earliest' : 'latest'
  const [, days = 0, hours = 0, minutes = 0, seconds = 0] = duration
  return nowMs - (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
}
