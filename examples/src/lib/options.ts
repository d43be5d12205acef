import { parseArgs } from 'node:util'

/** What every example takes on its command line. */
export interface ExampleOptions {
  /** A real Kafka to use instead of the embedded cluster. */
  readonly brokers: readonly string[] | undefined
  /** ms between two records of a source, where the example has one that is paced. */
  readonly intervalMs: number | undefined
  /** How many records to send, where the example does not say so itself. */
  readonly count: number | undefined
  /** A file that gets a line for each acknowledged and each received record. */
  readonly ledger: string | undefined
}

const flags = {
  brokers: { type: 'string' },
  'interval-ms': { type: 'string' },
  count: { type: 'string' },
  ledger: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

const usage = `Options:
  --brokers LIST      a real Kafka, as host:port,host:port (default: an embedded cluster of 3 brokers)
  --interval-ms MS    time between two records, where records come one by one
  --count N           how many records to send
  --ledger FILE       write each acknowledged and each received record to FILE, a JSON object a line
  -h, --help          this text`

export class UsageError extends Error {}

/** Undefined when only help was asked for, and printed. */
export function readOptions(title: string, args: readonly string[]): ExampleOptions | undefined {
  const { values } = parse(args)
  if (values.help === true) {
    console.log(`${title}\n\n${usage}`)
    return undefined
  }
  const brokers = values.brokers
    ?.split(',')
    .map((broker) => broker.trim())
    .filter((broker) => broker !== '')
  if (brokers?.length === 0) throw new UsageError('--brokers needs at least one host:port')
  return {
    brokers,
    intervalMs: whole('interval-ms', values['interval-ms']),
    count: whole('count', values.count),
    ledger: values.ledger,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags, allowPositionals: false })
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${usage}`)
  }
}

function whole(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new UsageError(`--${name} needs a whole number, not ${text}`)
}
