import { parseArgs } from 'node:util'
import { type Flag, type FlagEffect, flags } from './cli-flags.ts'
import type { ListenOptions } from './cluster/listener-options.ts'
import type { ClusterOptions } from './cluster/options.ts'

const helpColumn = 28

/** The output of `--help`. */
export const usage = `ottla-testkit: a Kafka cluster in one process, without Java and without Docker

  ottla-testkit [--brokers 3] [--port 9092] [--host 127.0.0.1] [options]

${flags.map(lineOf).join('\n')}
  --help, --version

It prints «ottla-testkit ready: HOST:PORT,…» when it serves. Ctrl-C or SIGTERM shuts it down cleanly.
Without --data-dir all data is lost.
`

function lineOf({ name, value, help }: Flag): string {
  return `  ${`--${name}${value === undefined ? '' : ` ${value}`}`.padEnd(helpColumn - 2)}${help}`
}

export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'serve'
      readonly options: ClusterOptions
      /** Undefined: no control port. */
      readonly controlPort: number | undefined
      readonly isQuiet: boolean
      /** The directory for the TLS files of clients. */
      readonly tlsDir: string | undefined
    }

/** Parses the command line. Throws TypeError for an invalid one. */
export function parseCommand(args: readonly string[]): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(flags.map((flag) => [flag.name, formOf(flag)])),
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
  })
  if (values.help) return { kind: 'help' }
  if (values.version) return { kind: 'version' }
  let effect: FlagEffect = {}
  let listen: ListenOptions = {}
  for (const flag of flags) {
    const read = effectOf(flag, (values as Readonly<Record<string, unknown>>)[flag.name])
    effect = { ...effect, ...read }
    // Both --host and --port set it.
    if (typeof read.listen === 'object') listen = { ...listen, ...read.listen }
  }
  const { controlPort, isQuiet = false, tlsDir, ...options } = effect
  const serve = { ...options, traffic: options.traffic ?? false, listen: portsOf(listen, options.brokers ?? 1) }
  return { kind: 'serve', options: serve, controlPort, isQuiet, tlsDir }
}

function formOf(flag: Flag) {
  if (flag.kind === 'switch') return { type: 'boolean' } as const
  return { type: 'string', multiple: flag.kind === 'texts' } as const
}

function effectOf(flag: Flag, given: unknown): FlagEffect {
  const value = given ?? flag.default
  if (value === undefined || value === false) return {}
  if (flag.kind === 'switch') return flag.read(true)
  if (flag.kind === 'text') return flag.read(String(value))
  return flag.read(value as string[])
}

function portsOf({ host, port }: ListenOptions, brokers: number): ListenOptions {
  if (port === 0) return { ...(host !== undefined && { host }) }
  if (port !== undefined && port + brokers - 1 > 65_535) {
    throw new TypeError(`--port must be at most ${65_536 - brokers}, for ${brokers} consecutive ports, not ${port}`)
  }
  return { ...(host !== undefined && { host }), ...(port !== undefined && { port }) }
}
