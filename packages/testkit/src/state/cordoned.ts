import type { BrokerConfig } from './configs/broker-config.ts'
import type { BrokerImage, MetadataView } from './metadata-view.ts'

/** Whether cordoned.log.dirs excludes a directory from new logs. */
export function isCordoned(view: MetadataView, brokerId: number, logDir: string): boolean {
  const value = view.brokerConfig(brokerId, 'cordoned.log.dirs') ?? ''
  return value === '*' || value.split(',').includes(logDir)
}

/** The brokers that new replicas may be assigned to: alive, and with a directory that is not cordoned. */
export function placeableBrokers(view: MetadataView, config: BrokerConfig): BrokerImage[] {
  const logDirs = config.text('log.dirs').split(',')
  return view.aliveBrokers().filter(({ id }) => !logDirs.every((logDir) => isCordoned(view, id, logDir.trim())))
}
