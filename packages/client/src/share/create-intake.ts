import type { Cluster } from '../cluster/cluster.ts'
import { type Acknowledgement, ackType, silentAck } from './acknowledgement.ts'
import type { OffsetSpan } from './acquired-ranges.ts'
import type { ShareConsumerEvents } from './events.ts'
import type { HeldRecordData } from './held-record.ts'
import { Intake } from './intake.ts'
import type { ResolvedShareOptions } from './options.ts'

type Source = Pick<HeldRecordData, 'partition' | 'brokerId'>

interface IntakeParts {
  readonly cluster: Cluster
  readonly options: ResolvedShareOptions
  readonly events: ShareConsumerEvents
  sendTo(brokerId: number, ack: Acknowledgement): void
}

/** From responses to records for `onRecord`; what is none, or cannot be read, is acknowledged here. */
export function createIntake(
  { cluster, options, events, sendTo }: IntakeParts,
  onRecord: (record: HeldRecordData) => void,
): Intake {
  const { checkCrcs, maxDecompressedBytes, onUnreadable: action } = options
  const send = ({ partition, brokerId }: Source, { firstOffset, lastOffset }: OffsetSpan, type: number) =>
    sendTo(brokerId, silentAck(partition, firstOffset, lastOffset, type))
  const unreadable = (from: Source, span: OffsetSpan, error: unknown): void => {
    const { topic, partition: index } = from.partition
    const offsets = { firstOffset: BigInt(span.firstOffset), lastOffset: BigInt(span.lastOffset) }
    cluster.logger.warn('records cannot be read', { topic, partition: index, ...offsets, action, error: String(error) })
    cluster.metrics.counter('share.unreadableRecords').add(span.lastOffset - span.firstOffset + 1)
    events.emit('unreadable', { topic, partition: index, ...offsets, action, error })
    send(from, span, ackType[action])
  }
  return new Intake(
    { codecs: cluster.options.codecs, checkCrcs, maxDecompressedBytes },
    {
      onRecord,
      onGap: (from, span) => send(from, span, ackType.gap),
      onMissing: (from, span) => send(from, span, ackType.release),
      onUnreadable: unreadable,
      onBadRecord: (record, error) =>
        unreadable(record, { firstOffset: record.offset, lastOffset: record.offset }, error),
    },
  )
}
