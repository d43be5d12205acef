import type { BrokerConfig } from './configs/broker-config.ts'
import type { BrokerImage, MetadataView } from './metadata-view.ts'

/** cordoned.log.dirs: no new logs go there. */
export function isCordoned(view: MetadataView, brokerId: number, logDir: string): boolean {
  const value = view.brokerConfig(brokerId, 'cordoned.log.dirs') ?? ''
  return value === '*' || value.split(',').includes(logDir)
}

/** The brokers that new replicas may go to: those that live, and have a directory for them. */
export function placeableBrokers(view: MetadataView, config: BrokerConfig): BrokerImage[] {
  const logDirs = config.text('log.dirs').split(',')
  return view.aliveBrokers().filter(({ id }) => !logDirs.every((logDir) => isCordoned(view, id, logDir.trim())))
}
