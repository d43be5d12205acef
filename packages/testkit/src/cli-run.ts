import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, parseCommand, usage } from './cli-options.ts'
import { createCluster, type TestCluster } from './cluster/cluster.ts'
import type { ClusterOptions } from './cluster/options.ts'
import { control } from './control/control.ts'
import { type HttpListener, listenHttp } from './network/http.ts'

/** What the program needs of its process. */
export interface CliHost {
  readonly version: string
  print(text: string): void
  printError(text: string): void
  /** Resolves when the process receives SIGINT or SIGTERM. */
  stopSignal(): Promise<void>
}

/** The exit code for invalid options, a port in use, and other startup failures. */
const BAD_COMMAND = 2

/** Runs until the stop signal, and resolves to the exit code. Leaves no socket or timer behind. */
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
  const cluster = await createCluster({
    ...options,
    keepAlive: true,
    onDiagnostic: (message) => host.printError(`${message}\n`),
  })
  if (tlsDir !== undefined) await writeTlsFiles(cluster, tlsDir)
  const listener = await listenForControl(cluster, controlPort)
  if (listener !== undefined) host.print(`ottla-testkit control: http://127.0.0.1:${listener.port}\n`)
  host.print(`ottla-testkit ready: ${cluster.bootstrap.join(',')}\n`)
  if (!isQuiet) host.printError(`${summaryOf(cluster, options)}. Ctrl-C stops them.\n`)
  await stopped
  await listener?.close()
  await cluster.close()
}

/** Writes files for clients: the CA in `ca.pem`, and an identity it issued in `client.pem` and `client.key`. */
async function writeTlsFiles(cluster: TestCluster, directory: string): Promise<void> {
  try {
    const client = await cluster.clientCertificate('CN=client')
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'ca.pem'), cluster.ca)
    writeFileSync(join(directory, 'client.pem'), client.cert)
    writeFileSync(join(directory, 'client.key'), client.key, { mode: 0o600 })
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
    throw code === 'EADDRINUSE' ? new TypeError(`--control: port ${port} is in use`) : error
  }
}

function summaryOf(cluster: TestCluster, { dataDir, as }: ClusterOptions): string {
  const count = cluster.brokers.length
  const topics = cluster.topics()
  const brokers = `${count} ${count === 1 ? 'broker' : 'brokers'}${as === undefined ? '' : ` like Kafka ${as}`}`
  return `${brokers} in ${dataDir ?? 'memory'}${topics.length > 0 ? `, topics ${topics.join(', ')}` : ''}`
}

function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string }
  if (code === 'EADDRINUSE') return `Port ${port} of ${address} is in use. Choose another with --port`
  if (code === 'EACCES' && port !== undefined)
    return `Permission denied for port ${port} of ${address}. Choose another with --port`
  // Deno reports it as EINVAL.
  if (code === 'EADDRNOTAVAIL' || (code === 'EINVAL' && address !== undefined))
    return `${address} is not an address of this machine. Choose another with --host`
  return error.message
}
