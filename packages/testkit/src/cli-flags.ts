import { quirksOf } from './cli-quirks.ts'
import type { ClusterOptions, TopicOptions } from './cluster/options.ts'

/** The settings that a flag changes. */
export interface FlagEffect extends Partial<ClusterOptions> {
  readonly controlPort?: number
  readonly isQuiet?: boolean
  readonly tlsDir?: string
}

/** A flag of the command line: its form, its help text and its effect. */
interface FlagOf<V> {
  readonly name: string
  /** The placeholder of its value in the help; absent for a flag without a value. */
  readonly value?: string
  readonly help: string
  readonly default?: string
  /** Throws TypeError for an invalid value. */
  readonly read: (value: V) => FlagEffect
}

export type Flag =
  | ({ readonly kind: 'switch' } & FlagOf<true>)
  | ({ readonly kind: 'text' } & FlagOf<string>)
  | ({ readonly kind: 'texts' } & FlagOf<readonly string[]>)

/** All flags, in the order of the help. To add a flag, add a row. */
export const flags: readonly Flag[] = [
  {
    kind: 'text',
    name: 'brokers',
    value: 'N',
    help: 'number of brokers (default 3)',
    default: '3',
    read: (text) => ({ brokers: integer('--brokers', text, 1, 100) }),
  },
  {
    kind: 'text',
    name: 'port',
    value: 'PORT',
    help: 'port of the first broker, the others use the next ones (default 9092); 0: free ports',
    default: '9092',
    read: (text) => ({ listen: { port: integer('--port', text, 0, 65_535) } }),
  },
  {
    kind: 'text',
    name: 'host',
    value: 'HOST',
    help: 'host to listen on and to advertise (default 127.0.0.1)',
    default: '127.0.0.1',
    read: (host) => ({ listen: { host } }),
  },
  {
    kind: 'text',
    name: 'as',
    value: 'RELEASE',
    help: 'Kafka release whose API versions and features brokers offer: 3.9, 4.0, 4.1, 4.2 or 4.3 (default)',
    read: (as) => ({ as: as as NonNullable<ClusterOptions['as']> }),
  },
  {
    kind: 'text',
    name: 'data-dir',
    value: 'DIR',
    help: 'keep all data in this directory, and continue from it (default: in memory)',
    read: (dataDir) => ({ dataDir }),
  },
  {
    kind: 'text',
    name: 'fsync',
    value: 'os|always',
    help: 'with --data-dir: data survives the death of the process (os, default) or of the machine',
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
    help: 'clients must authenticate: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; may be repeated',
    read: (texts) => ({
      sasl: { users: Object.fromEntries(texts.map((text) => pair('--sasl', text, ':', 'USER:PASSWORD'))) },
    }),
  },
  {
    kind: 'switch',
    name: 'acls',
    help: 'authorization by ACLs; super users: --config super.users=User:NAME',
    read: () => ({ acls: true }),
  },
  {
    kind: 'text',
    name: 'tls',
    value: 'DIR',
    help: 'TLS with a CA generated for this run; DIR receives ca.pem, client.pem and client.key (CN=client)',
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
    kind: 'texts',
    name: 'quirk',
    value: 'NAME[=VALUE]',
    help: 'a difference from Apache Kafka, as versions=Metadata:5 or innerAddresses; may be repeated',
    read: (texts) => ({ quirks: quirksOf(texts) }),
  },
  {
    kind: 'text',
    name: 'control',
    value: 'PORT',
    help: 'local HTTP port for faults, traffic, state and the clock; 0: a free port',
    read: (text) => ({ controlPort: integer('--control', text, 0, 65_535), traffic: true }),
  },
  { kind: 'switch', name: 'quiet', help: 'print only the ready line', read: () => ({ isQuiet: true }) },
]

function topicOf(text: string): TopicOptions {
  const [name = '', partitions = '1', replicas = '1', ...rest] = text.split(':')
  if (name === '' || rest.length > 0)
    throw new TypeError(`--topic must be NAME, NAME:PARTITIONS or NAME:PARTITIONS:REPLICAS, not '${text}'`)
  return {
    name,
    partitions: integer(`--topic ${text}: partitions`, partitions, 1, 100_000),
    replicationFactor: integer(`--topic ${text}: replicas`, replicas, 1, 100),
  }
}

/** The error message omits the text, which may contain a password. */
function pair(option: string, text: string, separator: string, form: string): [string, string] {
  const at = text.indexOf(separator)
  if (at < 1 || at === text.length - 1) throw new TypeError(`${option} must have the form ${form}`)
  return [text.slice(0, at), text.slice(at + 1)]
}

function integer(what: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new TypeError(`${what} must be an integer from ${min} to ${max}, not '${text}'`)
}
