import { expect, test } from 'vitest'
import { json, type PrepareContext, type Serde, topic } from '../../src/index.ts'
import { append, committedAt } from '../support/consuming.ts'
import { onTestkit, type Scenario } from '../support/on-testkit.ts'

/** Values are `id:text`; an id must be prepared before it can be read, as a schema id of a registry. */
class Registry implements Serde<string> {
  readonly known = new Set<string>()
  readonly calls: PrepareContext[] = []
  /** How a look-up ends. */
  lookUp: (context: PrepareContext) => Promise<void> = () => Promise.resolve()

  serialize(value: string): Uint8Array {
    return Buffer.from(value)
  }

  deserialize(bytes: Buffer): string {
    const [id = '', text = ''] = bytes.toString().split(':')
    if (!this.known.has(id)) throw new Error(`schema ${id} is unknown`)
    return text
  }

  prepare(context: PrepareContext): Promise<void> | undefined {
    const ids = Array.from(context.data, (bytes) => bytes.toString().split(':')[0]!)
    const missing = ids.filter((id) => !this.known.has(id))
    if (missing.length === 0) return undefined
    this.calls.push(context)
    return this.lookUp(context).then(() => {
      for (const id of missing) this.known.add(id)
    })
  }
}

function consumerOf({ kafka }: Scenario, schemas: Registry) {
  const texts = topic('t', { value: schemas })
  return kafka.consumer({ groupId: 'g', topics: [texts], offsetReset: 'earliest', onBadRecord: 'skip' })
}

async function take(reader: AsyncIterator<{ readonly value: string | null }>, count: number) {
  const taken: (string | null)[] = []
  while (taken.length < count) {
    const { value, done } = await reader.next()
    if (done) break
    taken.push(value.value)
  }
  return taken
}

test('prepare is called once for each batch, with its data, and not where nothing is missing', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['1:a', '2:b', null])
    await append(scenario, 0, ['1:c', '2:d'])
    await append(scenario, 0, ['3:e'])
    const schemas = new Registry()
    expect(await take(consumerOf(scenario, schemas).messages(), 6)).toEqual(['a', 'b', null, 'c', 'd', 'e'])
    const { calls } = schemas
    expect(calls.map(({ topic: name, field, purpose }) => [name, field, purpose])).toEqual([
      ['t', 'value', 'read'],
      ['t', 'value', 'read'],
    ])
    expect(Array.from(calls[0]!.data, String)).toEqual(['1:a', '2:b'])
  }))

test('a slow prepare holds up its partition only', () =>
  onTestkit({ topics: { t: 2 } }, async (scenario) => {
    await append(scenario, 0, ['1:slow'])
    const schemas = new Registry()
    let finish = () => {}
    schemas.lookUp = () =>
      new Promise((resolve) => {
        finish = resolve
      })
    const reader = consumerOf(scenario, schemas).messages()
    const reading = take(reader, 3)
    await scenario.advance('1s')
    schemas.known.add('2')
    await append(scenario, 1, ['2:fast', '2:faster'])
    await scenario.advance('1s')
    expect(schemas.calls).toHaveLength(1)
    finish()
    expect(await reading).toEqual(['fast', 'faster', 'slow'])
  }))

test('the next batch is prepared while the one before is read', () =>
  onTestkit({}, async (scenario) => {
    for (const id of [1, 2, 3]) await append(scenario, 0, [`${id}:a`, `${id}:b`])
    const schemas = new Registry()
    const reader = consumerOf(scenario, schemas).messages()
    expect(await take(reader, 1)).toEqual(['a'])
    await scenario.advance('1s')
    expect([...schemas.known]).toEqual(['1', '2'])
    expect(await take(reader, 5)).toEqual(['b', 'a', 'b', 'a', 'b'])
  }))

test('a prepare that fails is repeated with backoff; no record is bad because of it', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['1:a'])
    const schemas = new Registry()
    schemas.lookUp = () => (schemas.calls.length < 4 ? Promise.reject(new Error('503')) : Promise.resolve())
    expect(await take(consumerOf(scenario, schemas).messages(), 1)).toEqual(['a'])
    expect(schemas.calls).toHaveLength(4)
  }))

test('one that throws at the call is repeated too', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['1:a'])
    const schemas = new Registry()
    schemas.lookUp = () => {
      if (schemas.calls.length < 3) throw new Error('no socket')
      return Promise.resolve()
    }
    expect(await take(consumerOf(scenario, schemas).messages(), 1)).toEqual(['a'])
  }))

test('one that keeps failing rejects the reader at the deadline; reading again delivers once it succeeds', () =>
  onTestkit({ kafka: { apiTimeoutMs: 5_000 } }, async (scenario) => {
    await append(scenario, 0, ['1:a'])
    const schemas = new Registry()
    const cause = new Error('the registry is down')
    schemas.lookUp = () => Promise.reject(cause)
    const consumer = consumerOf(scenario, schemas)
    const first = consumer.messages().next()
    await expect(first).rejects.toMatchObject({ code: 'DESERIALIZE_FAILED', retriable: true, topic: 't', partition: 0 })
    await expect(first).rejects.toThrow(/the registry is down/)
    expect(schemas.calls.length).toBeGreaterThan(2)
    schemas.lookUp = () => Promise.resolve()
    // A failure that no reader has seen is forgotten with the success.
    await scenario.advance('20s')
    expect(await take(consumer.messages(), 1)).toEqual(['a'])
    await consumer.commit()
    expect(committedAt(scenario)).toBe(0)
  }))

test('one that never settles is aborted at the deadline and repeated', () =>
  onTestkit({ kafka: { apiTimeoutMs: 5_000 } }, async (scenario) => {
    await append(scenario, 0, ['1:a'])
    const schemas = new Registry()
    schemas.lookUp = () => new Promise(() => {})
    const consumer = consumerOf(scenario, schemas)
    await expect(consumer.messages().next()).rejects.toMatchObject({ code: 'DESERIALIZE_FAILED' })
    expect(schemas.calls[0]!.signal.aborted).toBe(true)
    expect(schemas.calls.length).toBeGreaterThan(1)
  }))

test.each(['close', 'seek', 'lose'] as const)('the signal aborts when the batch is no longer needed: %s', (how) =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['1:a', '2:b'])
    const schemas = new Registry()
    schemas.lookUp = () => new Promise(() => {})
    const consumer = consumerOf(scenario, schemas)
    const reading = consumer.messages().next()
    await scenario.advance('1s')
    const { signal } = schemas.calls[0]!
    expect(signal.aborted).toBe(false)
    schemas.lookUp = () => Promise.resolve()
    if (how === 'close') {
      await consumer.close()
      expect(await reading).toEqual({ value: undefined, done: true })
    } else if (how === 'seek') {
      consumer.seek({ topic: 't', partition: 0, offset: 1n })
      expect((await reading).value?.value).toBe('b')
    } else {
      // Another topic in the group's subscription is no matter: the session is lost, and the partition is assigned again.
      scenario.fault('Heartbeat', { error: 'UNKNOWN_MEMBER_ID' }, { nth: 1 })
      await scenario.advance('10s')
      expect((await reading).value?.value).toBe('a')
    }
    expect(signal.aborted).toBe(true)
  }),
)

test('an untyped field and a serde without prepare need none', () =>
  onTestkit({}, async (scenario) => {
    await append(scenario, 0, ['{"n":1}'])
    const { kafka } = scenario
    const items = topic('t', { value: json<{ n: number }>() })
    const consumer = kafka.consumer({ assign: [{ topic: items, partition: 0, offset: 'earliest' }] })
    const { value } = await consumer.messages().next()
    expect([value?.key?.toString(), value?.value]).toEqual(['k{"n":1}', { n: 1 }])
  }))
