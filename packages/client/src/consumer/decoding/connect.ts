import type { KafkaError } from '../../errors.ts'
import type { TopicPartition } from '../../group/membership.ts'
import type { ConsumerParts } from '../parts.ts'
import { type BadRecord, type BadRecordAction, BadRecords } from './bad-records.ts'
import type { PreparationHost, PreparedPlace } from './preparation.ts'
import { RecordDecoder } from './record-decoder.ts'

/** The decoder of a partition that is assigned; undefined for a topic without serdes. */
export function decoderOf(parts: ConsumerParts, { topic, partition }: TopicPartition): RecordDecoder | undefined {
  const serdes = parts.options.serdes.get(topic)
  return serdes === undefined ? undefined : new RecordDecoder(serdes, partition, preparationHost(parts))
}

export function createBadRecords(parts: ConsumerParts): BadRecords {
  const { handOut, options } = parts
  return new BadRecords({
    policy: options.onBadRecord,
    deliveries: handOut.deliveries,
    get sink() {
      return parts.deadLetters
    },
    fail: (error) => handOut.fail(error),
    putBack: (batch) => batch.owner.buffer.putBack(batch),
    counted: (records) => handOut.counted(records),
    onBadRecord: (record, action) => report(parts, record, action),
  })
}

function report(
  { cluster, events }: ConsumerParts,
  { message, field, error }: BadRecord,
  action: BadRecordAction,
): void {
  const { topic, partition, offset } = message
  cluster.metrics.counter('consumer.badRecords').add(1)
  cluster.logger.debug('a record could not be decoded', { topic, partition, offset, field, action })
  events.emit('badRecord', { topic, partition, offset, field, action, error })
}

function preparationHost({ cluster, handOut, lifecycle, assignment }: ConsumerParts): PreparationHost {
  const forget = (place: PreparedPlace) => handOut.forget(place)
  return {
    retry: (operation, signal, attempt) =>
      cluster.retry({ operation, signal, closing: lifecycle.ended, isTransient: () => true }, attempt),
    onFailed: (place: PreparedPlace, error: KafkaError) => {
      const { topic, partition } = place
      cluster.logger.warn('preparing to read failed', { topic, partition, error: error.message })
      // Of several failures that no reader has seen, the last one counts.
      forget(place)
      // A reader does not reject because of a partition that delivers nothing.
      if (assignment.partitions.get(place)?.halted === false) handOut.fail(error)
    },
    onRecovered: forget,
  }
}
