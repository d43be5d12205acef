import { describePartition, KafkaError } from '../../errors.ts'
import type { SerdeField } from '../../topics/serde.ts'
import { reasonOf } from '../../topics/serde-errors.ts'

/** A key or a value that its serde refused. */
export interface Fault {
  readonly field: SerdeField
  readonly cause: unknown
}

interface RecordPlace {
  readonly owner: { readonly topic: string; readonly partition: number }
  readonly baseOffset: number
}

const hint =
  "Fix the serde and read again: it starts with this record. Or set 'onBadRecord', or seek beyond the record to continue without it."

/** The error for a record that cannot be decoded. Its message has no part of the record. */
export function decodeError({ owner, baseOffset }: RecordPlace, offsetDelta: number, fault: Fault): KafkaError {
  const { field, cause } = fault
  const { topic, partition } = owner
  const offset = baseOffset + offsetDelta
  const at = describePartition({ topic, partition, offset })
  const message = `Deserializing the ${field} of ${at} failed: ${reasonOf(cause, 'serde')}`
  const place = { topic, partition, offset: BigInt(offset), message }
  if (KafkaError.is(cause)) return cause.with({ ...place, hint: cause.hint ?? hint })
  const { message: text, ...details } = place
  return new KafkaError('DESERIALIZE_FAILED', text, { ...details, cause, hint })
}
