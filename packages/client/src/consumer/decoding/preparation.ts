import { textOf } from '../../error-data.ts'
import { meaningOf } from '../../error-meaning.ts'
import { describePartition, KafkaError } from '../../errors.ts'
import { onAbort } from '../../runtime/wait.ts'
import type { AnySerde, SerdeField } from '../../topics/serde.ts'

export interface PreparedPlace {
  readonly topic: string
  readonly partition: number
}

export interface PreparationHost {
  /** Repeats the attempt with backoff, until the deadline of API calls. `signal` and the end of the consumer abort it. */
  retry(
    operation: string,
    signal: AbortSignal,
    attempt: (attemptNo: number, signal: AbortSignal) => Promise<void>,
  ): Promise<void>
  /** The reader rejects with it; the preparation is repeated. */
  onFailed(place: PreparedPlace, error: KafkaError): void
  /** It has succeeded after a failure. */
  onRecovered(place: PreparedPlace): void
}

/** A key or value of the topic whose serde has a `prepare`, and its data in the batch. */
export interface PreparedField {
  readonly field: SerdeField
  readonly serde: AnySerde
  readonly data: Iterable<Buffer>
}

/** What the serdes of a topic need before a batch can be read is being fetched. */
export interface Preparation {
  /** Resolves when the batch can be read, and after an abort. Never rejects. */
  readonly done: Promise<void>
  /** The batch is no longer needed. */
  abort(): void
}

const hint = 'The records are not lost: reading again repeats it. Check that the schema registry can be reached.'

/** Undefined: nothing is missing. */
export function beginPreparation(
  place: PreparedPlace,
  fields: readonly PreparedField[],
  host: PreparationHost,
): Preparation | undefined {
  const first = new AbortController()
  const pending = attempt(place, fields, first.signal)
  if (pending === undefined) return undefined
  const ending = new AbortController()
  return {
    done: repeat(
      place,
      host,
      ending.signal,
      (signal) => {
        if (signal === undefined) return pending
        return attempt(place, fields, signal) ?? Promise.resolve()
      },
      first,
    ),
    abort: () =>
      ending.abort(new KafkaError('ABORTED', `${operationOf(place)} was aborted: the batch is not read any more`)),
  }
}

/** Calls `prepare` of each field. Undefined: nothing is missing. Never throws. */
function attempt(
  place: PreparedPlace,
  fields: readonly PreparedField[],
  signal: AbortSignal,
): Promise<void> | undefined {
  const pending: Promise<void>[] = []
  for (const { field, serde, data } of fields) {
    try {
      const result = serde.prepare?.({ topic: place.topic, field, purpose: 'read', data, signal })
      if (result !== undefined) pending.push(Promise.resolve(result))
    } catch (cause) {
      pending.push(Promise.reject(cause))
    }
  }
  if (pending.length === 0) return undefined
  return Promise.all(pending).then(
    () => {},
    (cause: unknown) => {
      throw failed(place, cause)
    },
  )
}

function failed(place: PreparedPlace, cause: unknown): KafkaError {
  const message = `${operationOf(place)} failed: ${textOf(cause)}`
  return new KafkaError('DESERIALIZE_FAILED', message, { ...place, cause, retriable: true, hint })
}

/** `call` without a signal is the attempt that has begun, which `first` aborts. */
async function repeat(
  place: PreparedPlace,
  host: PreparationHost,
  signal: AbortSignal,
  call: (signal: AbortSignal | undefined) => Promise<void>,
  first: AbortController,
): Promise<void> {
  let isFirst = true
  const attemptOnce = async (_attemptNo: number, bounded: AbortSignal): Promise<void> => {
    if (!isFirst) return call(bounded)
    isFirst = false
    const release = onAbort(bounded, () => first.abort(bounded.reason))
    await call(undefined).finally(release)
  }
  for (let hasFailed = false; ; hasFailed = true) {
    try {
      await host.retry(operationOf(place), signal, attemptOnce)
      if (hasFailed) host.onRecovered(place)
      return
    } catch (error) {
      if (!KafkaError.is(error) || meaningOf(error.code).ended !== 'deadline') return
      host.onFailed(place, error.with({ ...place, code: 'DESERIALIZE_FAILED', retriable: true, hint }))
    }
  }
}

function operationOf({ topic, partition }: PreparedPlace): string {
  return `Preparing to read ${describePartition({ topic, partition })}`
}
