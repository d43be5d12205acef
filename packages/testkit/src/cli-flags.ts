import type { ClusterOptions, TopicOptions } from './cluster/options.ts'

/** What a flag sets. */
export interface FlagEffect extends Partial<ClusterOptions> {
  readonly controlPort?: number
  readonly isQuiet?: boolean
  readonly tlsDir?: string
}

/** A flag of the command line: how it is written, what its help says, what it sets. */
interface FlagOf<V> {
  readonly name: string
  /** What stands after it in the help; absent: it stands alone. */
  readonly value?: string
  readonly help: string
  readonly default?: string
  /** Throws TypeError for a value that makes no sense. */
  readonly read: (value: V) => FlagEffect
}

export type Flag =
  | ({ readonly kind: 'switch' } & FlagOf<true>)
  | ({ readonly kind: 'text' } & FlagOf<string>)
  | ({ readonly kind: 'texts' } & FlagOf<readonly string[]>)

/** All flags, in the order of the help. A new one is a row here. */
export const flags: readonly Flag[] = [
  {
    kind: 'text',
    name: 'brokers',
    value: 'N',
    help: 'how many brokers (default 3)',
    default: '3',
    read: (text) => ({ brokers: integer('--brokers', text, 1, 100) }),
  },
  {
    kind: 'text',
    name: 'port',
    value: 'PORT',
    help: 'port of the first broker, the others take the next ones (default 9092); 0 takes free ports',
    default: '9092',
    read: (text) => ({ listen: { port: integer('--port', text, 0, 65_535) } }),
  },
  {
    kind: 'text',
    name: 'host',
    value: 'HOST',
    help: 'where to listen, and what to advertise (default 127.0.0.1)',
    default: '127.0.0.1',
    read: (host) => ({ listen: { host } }),
  },
  {
    kind: 'text',
    name: 'as',
    value: 'RELEASE',
    help: "offer what that Kafka's brokers do: 3.9, 4.0, 4.1, 4.2 or 4.3 (default)",
    read: (as) => ({ as: as as NonNullable<ClusterOptions['as']> }),
  },
  {
    kind: 'text',
    name: 'data-dir',
    value: 'DIR',
    help: 'keep all in this directory, and go on from there (default: in memory)',
    read: (dataDir) => ({ dataDir }),
  },
  {
    kind: 'text',
    name: 'fsync',
    value: 'os|always',
    help: 'with --data-dir: survive the death of the process (os, default) or of the machine',
    read: (fsync) => ({ fsync: fsync as NonNullable<ClusterOptions['fsync']> }),
  },
  {
    kind: 'texts',
    name: 'topic',
    value: 'NAME[:P[:R]]',
    help: 'create a topic with P partitions and R replicas (default 1:1); may be repeated',
    read: (texts) => ({ topics: texts.map(topicOf) }),
  },
  {
    kind: 'texts',
    name: 'sasl',
    value: 'USER:PASSWORD',
    help: 'clients must log in: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; may be repeated',
    read: (texts) => ({
      sasl: { users: Object.fromEntries(texts.map((text) => pair('--sasl', text, ':', 'USER:PASSWORD'))) },
    }),
  },
  {
    kind: 'switch',
    name: 'acls',
    help: 'rights are checked; who has all of them is told by --config super.users=User:NAME',
    read: () => ({ acls: true }),
  },
  {
    kind: 'text',
    name: 'tls',
    value: 'DIR',
    help: 'TLS, by an authority made for this run; DIR gets its ca.pem, and client.pem and client.key of CN=client',
    read: (tlsDir) => ({ tls: true, tlsDir }),
  },
  {
    kind: 'texts',
    name: 'config',
    value: 'NAME=VALUE',
    help: "a broker config by Kafka's name; may be repeated",
    read: (texts) => ({ config: Object.fromEntries(texts.map((text) => pair('--config', text, '=', 'NAME=VALUE'))) }),
  },
  {
    kind: 'text',
    name: 'control',
    value: 'PORT',
    help: 'HTTP on this machine for faults, traffic, state and the clock; 0 takes a free port',
    read: (text) => ({ controlPort: integer('--control', text, 0, 65_535), traffic: true }),
  },
  { kind: 'switch', name: 'quiet', help: 'print the ready line alone', read: () => ({ isQuiet: true }) },
]

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
