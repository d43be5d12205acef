import { errorOf, zeroUuid } from '@ottla/codec'
import { RecordBatchReader } from '@ottla/codec/records'
import { isDropped, isError, isNumberedId, isRecords, isSecret, isSentence, isUnordered } from './masks.ts'

export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [field: string]: Plain }

export interface World {
  /** The prefix of this part's names, which the recording omits. */
  readonly prefix: string
  /** Port → name of the listener. */
  readonly ports: ReadonlyMap<number, string>
}

const uuidText = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g
/** Java's text of a request in an error, with connections, sessions and hashes. */
const javaRequest = /Request Request\(.*\) needs/
const uuidField = /^[A-Za-z0-9_-]{22}$/

/** Between 2015 and 2100: a time, not a count. */
const isTime = (value: number) => value > 1.42e12 && value < 4.1e12

/** Converts the responses of one part to a form that is the same on Kafka and on the testkit: generated values are numbered. */
export class Plainer {
  readonly #world: World
  readonly #numbers = new Map<string, string>()
  readonly #dropped = new Set<string>()
  readonly #renamed = new Map<string, string>()
  /** True during sorting: values are not numbered. */
  #isBlank = false

  constructor(world: World) {
    this.#world = world
  }

  drop(fields: readonly string[]): void {
    for (const field of fields) this.#dropped.add(field)
  }

  /** Replaces a text wherever it occurs. */
  rename(text: string, name: string): void {
    this.#renamed.set(text, name)
  }

  of(value: unknown): Plain {
    return this.#value('', value)
  }

  #value(field: string, value: unknown): Plain {
    if (value === null || value === undefined) return null
    if (typeof value === 'boolean') return value
    if (typeof value === 'number' || typeof value === 'bigint') return this.#number(field, value)
    if (typeof value === 'string') return isSentence(field) && value !== '' ? '<sentence>' : this.#text(value)
    if (value instanceof Uint8Array) return isRecords(field) ? this.#records(value) : this.#bytes(field, value)
    if (Array.isArray(value)) return this.#list(field, value)
    const fields: Record<string, Plain> = Object.create(null)
    for (const [name, each] of Object.entries(value as object)) {
      if (!isDropped(name) && !this.#dropped.has(name)) fields[name] = this.#value(name, each)
    }
    return fields
  }

  #number(field: string, value: number | bigint): Plain {
    if (isError(field)) return errorOf(Number(value)).name
    if (isNumberedId(field)) return value > 0 ? this.#numbered(field, String(value)) : Number(value)
    if (field === 'port') return this.#world.ports.get(Number(value)) ?? Number(value)
    if (isTime(Number(value))) return '<time>'
    return typeof value === 'bigint' ? `${value}n` : value
  }

  #text(value: string): string {
    if (uuidField.test(value) && value !== zeroUuid && /[A-Z0-9_-]/.test(value)) return this.#numbered('uuid', value)
    let plain = this.#renamed.get(value) ?? value
    plain = plain
      .replace(javaRequest, 'Request … needs')
      .replaceAll(uuidText, (found) => this.#numbered('uuid', found))
      .replaceAll(this.#world.prefix, '')
    plain = plain.replaceAll(/\b\d{13}\b/g, (digits) => (isTime(Number(digits)) ? '<time>' : digits))
    for (const [port, name] of this.#world.ports) plain = plain.replaceAll(`:${port}`, `:<${name}>`)
    return plain
  }

  #bytes(field: string, value: Uint8Array): Plain {
    if (isSecret(field)) return value.length === 0 ? '' : '<bytes>'
    return Buffer.from(this.#latin(value), 'latin1').toString('hex')
  }

  #latin(value: Uint8Array): string {
    return Buffer.from(value).toString('latin1').replaceAll(this.#world.prefix, '')
  }

  /** Lists of structs may be in hash table order: sorts them by their values that are not numbered, then numbers them. */
  #list(field: string, values: readonly unknown[]): Plain {
    if (!isUnordered(field) && values.some((each) => typeof each !== 'object' || each === null)) {
      return values.map((each) => this.#value(field, each))
    }
    const wasBlank = this.#isBlank
    this.#isBlank = true
    const keyed = values.map((each) => [JSON.stringify(this.#value(field, each)), each] as const)
    this.#isBlank = wasBlank
    return keyed.sort(byText).map(([, each]) => this.#value(field, each))
  }

  /** The batches without times and values derived from times. */
  #records(bytes: Uint8Array): Plain {
    const found: Plain[] = []
    const reader = new RecordBatchReader(bytes)
    for (let batch = reader.next(); batch !== undefined; batch = reader.next()) {
      const { baseOffset, recordCount, lastOffset, partitionLeaderEpoch, magic, compression, isControl } = batch
      const { isTransactional, timestampType, producerId, producerEpoch, baseSequence } = batch
      const head = { baseOffset, recordCount, lastOffset, partitionLeaderEpoch, magic, compression, isControl }
      const producer = { isTransactional, timestampType, producerId, producerEpoch, baseSequence }
      const payload = magic === 2 && compression === 'none' ? this.#latin(batch.payload) : null
      const crc = magic === 2 ? batch.verifyCrc() : null
      const fields = this.of({ ...head, ...producer, crc })
      // The payload contains timestamp deltas; that of control records contains the coordinator epoch.
      found.push({ ...(fields as object), payload: isControl ? null : payload })
    }
    return found
  }

  #numbered(kind: string, value: string): string {
    if (this.#isBlank) return `<${kind}>`
    const known = this.#numbers.get(value)
    if (known !== undefined) return known
    const name = `<${kind} ${this.#numbers.size + 1}>`
    this.#numbers.set(value, name)
    return name
  }
}

const byText = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : a > b ? 1 : 0)
