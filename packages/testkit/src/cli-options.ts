import { parseArgs } from 'node:util'
import type { ClusterOptions, TopicOptions } from './options.ts'

export const usage = `ottla-testkit: a Kafka cluster for tests, in one process, in memory

  ottla-testkit [--brokers 3] [--port 9092] [--host 127.0.0.1] [options]

  --brokers N               how many brokers (default 3)
  --port PORT               port of the first broker, the others take the next ones (default 9092)
  --host HOST               where to listen, and what to advertise (default 127.0.0.1)
  --topic NAME[:P[:R]]      create a topic with P partitions and R replicas (default 1:1); may be repeated
  --sasl USER:PASSWORD      clients must log in: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; may be repeated
  --config NAME=VALUE       a broker config by Kafka's name; may be repeated
  --control PORT            HTTP on this machine for faults, traffic, state and the clock; 0 takes a free port
  --quiet                   print the ready line alone
  --help, --version

It prints «ottla-testkit ready: HOST:PORT,…» when it serves. Ctrl-C or SIGTERM stops it; nothing is kept.
`

export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'serve'
      readonly options: ClusterOptions
      /** Where the cluster is controlled; undefined: nowhere. */
      readonly controlPort: number | undefined
      readonly isQuiet: boolean
    }

/** Reads the command line. Throws TypeError with what is wrong. */
export function parseCommand(args: readonly string[]): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      brokers: { type: 'string', default: '3' },
      port: { type: 'string', default: '9092' },
      host: { type: 'string', default: '127.0.0.1' },
      topic: { type: 'string', multiple: true, default: [] },
      sasl: { type: 'string', multiple: true, default: [] },
      config: { type: 'string', multiple: true, default: [] },
      control: { type: 'string' },
      quiet: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      version: { type: 'boolean', short: 'v', default: false },
    },
  })
  if (values.help) return { kind: 'help' }
  if (values.version) return { kind: 'version' }
  const port = integer('--port', values.port, 1, 65_535)
  const brokers = integer('--brokers', values.brokers, 1, 100)
  if (port + brokers - 1 > 65_535) throw new TypeError(`--port ${port} leaves no room for ${brokers} consecutive ports`)
  const controlPort = values.control === undefined ? undefined : integer('--control', values.control, 0, 65_535)
  const options: ClusterOptions = {
    brokers,
    traffic: controlPort !== undefined,
    listen: { port, host: values.host },
    topics: values.topic.map(topicOf),
    config: Object.fromEntries(values.config.map((text) => pair('--config', text, '=', 'NAME=VALUE'))),
    ...(values.sasl.length > 0 && {
      sasl: { users: Object.fromEntries(values.sasl.map((text) => pair('--sasl', text, ':', 'USER:PASSWORD'))) },
    }),
  }
  return { kind: 'serve', options, controlPort, isQuiet: values.quiet }
}

function topicOf(text: string): TopicOptions {
  const [name = '', partitions = '1', replicas = '1', ...rest] = text.split(':')
  if (name === '' || rest.length > 0)
    throw new TypeError(`--topic ${text}: write NAME, NAME:PARTITIONS or NAME:PARTITIONS:REPLICAS`)
  return {
    name,
    partitions: integer(`--topic ${text}: partitions`, partitions, 1, 100_000),
    replicationFactor: integer(`--topic ${text}: replicas`, replicas, 1, 100),
  }
}

/** The text may hold a password: it is not repeated. */
function pair(option: string, text: string, separator: string, form: string): [string, string] {
  const at = text.indexOf(separator)
  if (at < 1 || at === text.length - 1) throw new TypeError(`${option}: write it as ${form}`)
  return [text.slice(0, at), text.slice(at + 1)]
}

function integer(what: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new TypeError(`${what}: '${text}' is not an integer from ${min} to ${max}`)
}
