import { readFileSync } from 'node:fs'
import { type Command, parseCommand, usage } from './cli-options.ts'
import { createCluster, type TestCluster } from './cluster.ts'

// 2: the command cannot work as it was given, whether for its options or for a port that is taken.
const BAD_COMMAND = 2

function fail(message: string): never {
  process.stderr.write(`ottla-testkit: ${message}\n`)
  process.exit(BAD_COMMAND)
}

function commandOf(args: readonly string[]): Command {
  try {
    return parseCommand(args)
  } catch (error) {
    return fail(`${messageOf(error)}\nSee ottla-testkit --help.`)
  }
}

async function serve({ options, isQuiet }: Extract<Command, { kind: 'serve' }>): Promise<void> {
  const stopping = nextSignal()
  const cluster = await start(options)
  process.stdout.write(`ottla-testkit ready: ${cluster.bootstrap.join(',')}\n`)
  if (!isQuiet) {
    const topics = options.topics?.map(({ name }) => name) ?? []
    const what = `${cluster.brokers.length} brokers in memory${topics.length > 0 ? `, topics ${topics.join(', ')}` : ''}`
    process.stderr.write(`${what}. Ctrl-C stops them.\n`)
  }
  await stopping
  await cluster.close()
}

async function start(options: Extract<Command, { kind: 'serve' }>['options']): Promise<TestCluster> {
  try {
    return await createCluster({ ...options, onDiagnostic: (message) => process.stderr.write(`${message}\n`) })
  } catch (error) {
    const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string }
    if (code === 'EADDRINUSE') return fail(`port ${port} of ${address} is in use: choose others with --port`)
    if (code === 'EACCES')
      return fail(`port ${port} of ${address} needs rights that you do not have: choose others with --port`)
    return fail(messageOf(error))
  }
}

/** A second signal ends the process at once, as without a handler. */
function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, stop)
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop)
  })
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function main(command: Command): void {
  if (command.kind === 'help') process.stdout.write(usage)
  else if (command.kind === 'version') process.stdout.write(`${version()}\n`)
  else serve(command).catch((error: unknown) => fail(messageOf(error)))
}

main(commandOf(process.argv.slice(2)))
