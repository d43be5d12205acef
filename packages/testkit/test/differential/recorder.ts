import { errorOf } from '@ottla/codec'

/** One line of a recording: a step and its response. */
export interface Line {
  readonly step: string
  readonly response: unknown
}

/** Responses in a form that is the same on the testkit and on Kafka: generated values are replaced by placeholders. */
export class Recorder {
  readonly lines: Line[] = []
  readonly #whole = new Map<string, string>()
  readonly #parts = new Map<string, string>()
  readonly #dropped: ReadonlySet<string>

  /** `dropped`: fields that are not compared, such as times and addresses. */
  constructor(dropped: readonly string[] = []) {
    this.#dropped = new Set(dropped)
  }

  /** A placeholder for a value that the cluster generated. */
  call(value: string, name: string): string {
    if (value !== '') this.#whole.set(value, `<${name}>`)
    return value
  }

  /** A placeholder for a text wherever it occurs. */
  rename(text: string, name: string): void {
    this.#parts.set(text, name)
  }

  nameOf(value: string): string | undefined {
    return this.#whole.get(value)
  }

  note(step: string, response: unknown): void {
    const plain = JSON.stringify(response, (key, value) => {
      if (this.#dropped.has(key)) return undefined
      if (typeof value === 'bigint') return `${value}n`
      if (value?.type === 'Buffer') return Buffer.from(value.data).toString('hex')
      if (key === 'errorCode') return errorOf(value).name
      return typeof value === 'string' ? this.#plain(value) : value
    })
    this.lines.push({ step, response: ordered(JSON.parse(plain)) })
  }

  #plain(value: string): string {
    let plain = this.#whole.get(value) ?? value
    for (const [text, name] of this.#parts) plain = plain.replaceAll(text, name)
    return plain
  }
}

/** Sorts lists of named items, because brokers return them in the order of their hash tables. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, ordered(each)]))
}

function nameOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  const fields = value as { readonly [key: string]: unknown }
  const parts = [fields.groupId, fields.memberId, fields.name, fields.topic, fields.topicId, fields.resourceName]
  return [...parts, fields.partitionIndex, fields.partition, fields.index].map((part) => String(part ?? '')).join(' ')
}

/** The lines of a recording. */
export const parseLines = (text: string): Line[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
