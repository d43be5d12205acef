import { describe, expect, test } from 'vitest'
import { AdminError } from './admin/results.ts'
import {
  abortedError,
  asKafkaError,
  closedError,
  describeBroker,
  describePartition,
  KafkaError,
  type KafkaErrorDetails,
  kafkaErrorOf,
  optionError,
} from './errors.ts'
import { BatchResult, Receipt, SendError } from './producer/receipt.ts'

/** As a broker of the cluster is: accessors, private state, methods. */
class LiveBroker {
  readonly #host = 'b1'
  readonly id = 1
  readonly pending = [() => {}]
  get host(): string {
    return this.#host
  }
  get port(): number {
    return 9092
  }
}

const details: KafkaErrorDetails = {
  retriable: true,
  fatal: true,
  outcome: 'unknown',
  broker: new LiveBroker(),
  topic: 'orders',
  partition: 3,
  offset: 2n ** 60n,
  hint: 'Look at it.',
  cause: new Error('below'),
  refreshMetadata: true,
}

describe('error.broker', () => {
  test('is plain data, whatever was passed', () => {
    const { broker } = new KafkaError('CONNECTION_LOST', 'it ended', details)
    expect(broker).toStrictEqual({ id: 1, host: 'b1', port: 9092 })
    expect(Object.getPrototypeOf(broker)).toBe(Object.prototype)
  })
})

describe('error.with', () => {
  test('returns a copy with the changes, and keeps everything else', () => {
    const error = new KafkaError('CONNECTION_LOST', 'it ended', details)
    const copy = error.with({ outcome: 'not-written' })
    expect(copy).not.toBe(error)
    expect(copy).toBeInstanceOf(KafkaError)
    expect({ ...copy }).toStrictEqual({ ...error, outcome: 'not-written' })
    expect(copy.message).toBe(error.message)
    expect(copy.cause).toBe(error.cause)
    expect(copy.refreshMetadata).toBe(true)
    expect(copy.stack).toBe(error.stack)
    expect(error.outcome).toBe('unknown')
  })

  test('changes code and message too', () => {
    const error = new KafkaError('CONNECTION_LOST', 'it ended', details)
    const copy = error.with({ code: 'CONNECTION_FAILED', message: 'It was over before' })
    expect(copy).toMatchObject({ code: 'CONNECTION_FAILED', message: 'It was over before', offset: error.offset })
    expect(copy.stack).toBe(error.stack?.replace('it ended', 'It was over before'))
  })

  test('returns the error itself where nothing changes', () => {
    const error = new KafkaError('CLOSED', 'x', { outcome: 'unknown' })
    expect(error.with({ outcome: 'unknown', topic: undefined })).toBe(error)
  })

  test('keeps the results of a SendError and of an AdminError', () => {
    const failed = new KafkaError('MESSAGE_TOO_LARGE', 'too large', { outcome: 'not-written' })
    const send = new SendError([failed])
    const sent = send.with({ topic: 'orders' })
    expect(sent).toBeInstanceOf(SendError)
    expect(sent).toMatchObject({ results: send.results, topic: 'orders', message: send.message, cause: failed })
    const admin = new AdminError('Creating topics', new Map([['orders', failed]]))
    const changed = admin.with({ hint: 'Wait.' })
    expect(changed).toBeInstanceOf(AdminError)
    expect(changed).toMatchObject({ results: admin.results, code: admin.code, message: admin.message, hint: 'Wait.' })
  })
})

function cyclic(): Error {
  const error = new Error('cyclic')
  error.cause = new Error('and back', { cause: error })
  return error
}

function cyclicObject(): unknown {
  const value: { offset: bigint; self?: unknown } = { offset: 5n }
  value.self = value
  return value
}

const causes: readonly [name: string, cause: unknown][] = [
  ['an error', new RangeError('below')],
  ['a KafkaError', new KafkaError('OFFSET_OUT_OF_RANGE', 'gone', { offset: 5n, cause: new Error('deep') })],
  ['errors that lead back to each other', cyclic()],
  ['an error with a bigint', Object.assign(new Error('big'), { offset: 5n })],
  ['a bigint', 7n],
  ['an object with a bigint and a cycle', cyclicObject()],
  ['a function', () => {}],
  ['an object with a function', { retry: () => {} }],
  ['an error over a function', new Error('over', { cause: () => {} })],
  ['a symbol', Symbol('why')],
  ['an object without a prototype', Object.create(null)],
  ['several errors', new AggregateError([new Error('one'), new KafkaError('CLOSED', 'two')], 'all')],
  ['the reason of a signal', AbortSignal.abort().reason],
  ['null', null],
]

/** One of each way in which errors are made. */
const makers: readonly [name: string, make: (cause: unknown) => KafkaError][] = [
  ['KafkaError', (cause) => new KafkaError('CONNECTION_LOST', 'it ended', { ...details, cause })],
  ['SendError', (cause) => sendError(new KafkaError('SERIALIZE_FAILED', 'no', { ...details, cause }))],
  ['AdminError', (cause) => adminError(new KafkaError('NOT_CONTROLLER', 'no', { ...details, cause }))],
  ['INTERNAL_ERROR', (cause) => asKafkaError(cause, 'Testing')],
  ['a copy', (cause) => new KafkaError('CLOSED', 'x').with({ cause })],
]

function sendError(failed: KafkaError): SendError {
  const result = new BatchResult('orders', 3)
  result.baseOffset = 40n
  return new SendError([failed, new Receipt(result, 2, 0)])
}

function adminError(failed: KafkaError): AdminError {
  return new AdminError(
    'Listing offsets',
    new Map<string, unknown>([
      ['a', failed],
      ['b', { offset: 12n }],
    ]),
  )
}

describe.each(makers)('%s survives', (_name, make) => {
  test.each(causes)('structuredClone and JSON with a cause that is %s', (_cause, cause) => {
    const error = make(cause)
    const clone = structuredClone(error)
    expect(clone).toBeInstanceOf(Error)
    expect(clone).toMatchObject({ message: error.message, stack: error.stack })
    // A copy of the fields, which is what an application sends to a worker.
    const { results: _, ...fields } = { ...error } as { results?: unknown }
    expect(structuredClone(fields)).toStrictEqual(fields)
    expect(structuredClone(error.toJSON())).toStrictEqual(error.toJSON())
    const json = JSON.parse(JSON.stringify(error))
    expect(json).toMatchObject({ name: 'KafkaError', code: error.code, message: error.message })
  })
})

describe('JSON of an error', () => {
  test('has all fields, offsets as strings, and the causes', () => {
    const cause = new KafkaError('OFFSET_OUT_OF_RANGE', 'gone', { offset: 5n, cause: new RangeError('deep') })
    const json = JSON.parse(JSON.stringify(new KafkaError('CONNECTION_LOST', 'it ended', { ...details, cause })))
    expect(json).toStrictEqual({
      name: 'KafkaError',
      code: 'CONNECTION_LOST',
      message: 'it ended',
      retriable: true,
      fatal: true,
      outcome: 'unknown',
      broker: { id: 1, host: 'b1', port: 9092 },
      topic: 'orders',
      partition: 3,
      hint: 'Look at it.',
      offset: (2n ** 60n).toString(),
      cause: {
        name: 'KafkaError',
        code: 'OFFSET_OUT_OF_RANGE',
        message: 'gone',
        retriable: false,
        fatal: false,
        offset: '5',
        cause: { name: 'RangeError', message: 'deep' },
      },
    })
  })

  test('ends at a cycle, and lists the errors of an AggregateError', () => {
    const json = JSON.parse(JSON.stringify(asKafkaError(new AggregateError([cyclic()], 'all'), 'Testing')))
    expect(json.cause.errors).toEqual([
      { name: 'Error', message: 'cyclic', cause: { name: 'Error', message: 'and back', cause: '[circular]' } },
    ])
  })

  test('of a cause that is no error has its text only: an object may hold a record or a secret', () => {
    for (const thrown of [{ password: 'canary' }, ['canary'], Buffer.from('canary')]) {
      const error = asKafkaError(thrown, 'Testing')
      expect(error.message + JSON.stringify(error)).not.toMatch(/canary|99,97/)
    }
  })

  test('of SendError and AdminError has the results', () => {
    const failed = new KafkaError('MESSAGE_TOO_LARGE', 'too large', { offset: 1n })
    expect(JSON.parse(JSON.stringify(sendError(failed))).results).toMatchObject([
      { code: 'MESSAGE_TOO_LARGE', offset: '1' },
      { topic: 'orders', partition: 3, offset: '42' },
    ])
    expect(JSON.parse(JSON.stringify(adminError(failed))).results).toMatchObject({
      a: { code: 'MESSAGE_TOO_LARGE' },
      b: { offset: '12' },
    })
  })
})

describe('asKafkaError', () => {
  test('returns a KafkaError as it is', () => {
    const error = closedError('client')
    expect(asKafkaError(error, 'Testing')).toBe(error)
  })

  test('makes an INTERNAL_ERROR of any other value, with the value as cause and where to report it', () => {
    const bug = new TypeError("Cannot read properties of undefined (reading 'x')")
    expect(asKafkaError(bug, 'Fetching')).toMatchObject({
      code: 'INTERNAL_ERROR',
      message: "Fetching failed: Cannot read properties of undefined (reading 'x')",
      retriable: false,
      cause: bug,
      hint: expect.stringContaining('report'),
    })
    expect(asKafkaError('just a text', 'Fetching')).toMatchObject({ message: 'Fetching failed: just a text' })
  })
})

describe('messages', () => {
  test('have one form for a partition and one for a broker', () => {
    expect(describePartition({ topic: 'orders', partition: 3 })).toBe("topic 'orders', partition 3")
    expect(describePartition({ topic: 'orders', partition: 3, offset: 5n })).toBe(
      "topic 'orders', partition 3, offset 5",
    )
    expect(describeBroker({ id: 2, host: 'b', port: 9092 })).toBe('broker 2 at b:9092')
    expect(describeBroker({ id: -1, host: 'b', port: 9092 })).toBe('broker b:9092')
  })

  test.each<[KafkaError, string]>([
    [closedError('admin client'), 'The admin client is closed'],
    [abortedError('Flushing', AbortSignal.abort()), 'Flushing was aborted by its signal'],
    [optionError('lingerMs', 'kafka.producer()', 'must be 1'), "Option 'lingerMs' of kafka.producer() must be 1"],
    [
      kafkaErrorOf(3, 'Producing', { topic: 'orders', partition: 3, broker: { id: 2, host: 'b', port: 9092 } }),
      "Producing failed (topic 'orders', partition 3, broker 2 at b:9092): UNKNOWN_TOPIC_OR_PARTITION, the broker does not have this topic or partition",
    ],
    [
      kafkaErrorOf(29, 'Listing topics', { topic: 'orders' }),
      "Listing topics failed (topic 'orders'): TOPIC_AUTHORIZATION_FAILED, not authorized for the topic",
    ],
    [
      kafkaErrorOf(30, 'Joining the group', { group: 'g', message: 'no' }),
      "Joining the group failed (group 'g'): GROUP_AUTHORIZATION_FAILED, no",
    ],
  ])('%s', (error, message) => {
    expect(error.message).toBe(message)
  })

  test('begin with a capital letter and end without a period, for every code', () => {
    for (let code = -1; code < 140; code++) expect(kafkaErrorOf(code, 'Producing').message).toMatch(/^[A-Z].*[^.]$/)
  })

  test('hints are one sentence', () => {
    for (let code = -1; code < 140; code++) {
      const { hint } = kafkaErrorOf(code, 'Producing')
      if (hint !== undefined) expect(hint).toMatch(/^[A-Z][^!?]*\.$/)
    }
  })
})
