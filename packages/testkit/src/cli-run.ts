import { type Command, parseCommand, usage } from './cli-options.ts'
import { writeTlsFiles } from './cli-tls.ts'
import { createCluster, type TestCluster } from './cluster/cluster.ts'
import type { ClusterOptions } from './cluster/options.ts'
import { control } from './control/control.ts'
import { type HttpListener, listenHttp } from './network/http.ts'

/** What the command line tool needs of its process. */
export interface CliHost {
  readonly version: string
  print(text: string): void
  printError(text: string): void
  /** Resolves when the process is asked to stop. */
  stopSignal(): Promise<void>
}

/** The command cannot work as it was given, whether for its options or for a port that is taken. */
const BAD_COMMAND = 2

/** Runs until it is told to stop, and resolves to the exit code. Afterwards nothing is left that holds the process. */
export async function runCli(args: readonly string[], host: CliHost): Promise<number> {
  try {
    await run(parseCommand(args), host)
    return 0
  } catch (error) {
    host.printError(`ottla-testkit: ${problemOf(error)}\nSee ottla-testkit --help.\n`)
    return BAD_COMMAND
  }
}

async function run(command: Command, host: CliHost): Promise<void> {
  if (command.kind === 'help') host.print(usage)
  else if (command.kind === 'version') host.print(`${host.version}\n`)
  else await serve(command, host)
}

type Serve = Extract<Command, { kind: 'serve' }>

async function serve({ options, controlPort, isQuiet, tlsDir }: Serve, host: CliHost): Promise<void> {
  const stopped = host.stopSignal()
  const cluster = await createCluster({ ...options, onDiagnostic: (message) => host.printError(`${message}\n`) })
  if (tlsDir !== undefined) await tlsFiles(cluster, tlsDir)
  const listener = await listenForControl(cluster, controlPort)
  if (listener !== undefined) host.print(`ottla-testkit control: http://127.0.0.1:${listener.port}\n`)
  host.print(`ottla-testkit ready: ${cluster.bootstrap.join(',')}\n`)
  if (!isQuiet) host.printError(`${summaryOf(cluster, options)}. Ctrl-C stops them.\n`)
  await stopped
  await listener?.close()
  await cluster.close()
}

async function tlsFiles(cluster: TestCluster, directory: string): Promise<void> {
  try {
    await writeTlsFiles(cluster, directory)
  } catch (error) {
    await cluster.close()
    throw error
  }
}

async function listenForControl(cluster: TestCluster, port: number | undefined): Promise<HttpListener | undefined> {
  if (port === undefined) return undefined
  try {
    return await listenHttp(port, (request) => control(cluster, request))
  } catch (error) {
    await cluster.close()
    const { code } = error as NodeJS.ErrnoException
    throw code === 'EADDRINUSE' ? new TypeError(`--control ${port}: the port is in use`) : error
  }
}

function summaryOf(cluster: TestCluster, { dataDir, as }: ClusterOptions): string {
  const count = cluster.brokers.length
  const topics = cluster.topics()
  const brokers = `${count} ${count === 1 ? 'broker' : 'brokers'}${as === undefined ? '' : ` as of Kafka ${as}`}`
  return `${brokers} in ${dataDir ?? 'memory'}${topics.length > 0 ? `, topics ${topics.join(', ')}` : ''}`
}

function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string }
  if (code === 'EADDRINUSE') return `port ${port} of ${address} is in use: choose others with --port`
  if (code === 'EACCES' && port !== undefined)
    return `port ${port} of ${address} needs rights that you do not have: choose others with --port`
  // Deno reports it as EINVAL.
  if (code === 'EADDRNOTAVAIL' || (code === 'EINVAL' && address !== undefined))
    return `${address} is no address of this machine: choose another with --host`
  return error.message
}
