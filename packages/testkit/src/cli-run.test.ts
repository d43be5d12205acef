import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { flags } from './cli-flags.ts'
import { runCli } from './cli-run.ts'

/** A process that stops on `stop()`. */
function processOf() {
  let stop: () => void = () => {}
  let isReady: () => void = () => {}
  const signal = new Promise<void>((resolve) => {
    stop = resolve
  })
  const ready = new Promise<void>((resolve) => {
    isReady = resolve
  })
  const printed = { out: '', error: '' }
  const host = {
    version: '1.2.3',
    print: (text: string) => {
      printed.out += text
      isReady()
    },
    printError: (text: string) => {
      printed.error += text
    },
    stopSignal: () => signal,
  }
  return { host, printed, ready, stop }
}

async function run(...args: string[]) {
  const { host, printed } = processOf()
  return { exitCode: await runCli(args, host), ...printed }
}

/** The first of `count` consecutive free ports, below the range that the system uses for outgoing connections. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 10_000)
    const ports = Array.from({ length: count }, (_, i) => first + i)
    const servers = await Promise.all(ports.map(listening))
    for (const server of servers) server?.close()
    if (servers.every((server) => server !== undefined)) return first
  }
}

async function listening(port: number): Promise<Server | undefined> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  } catch {
    return undefined
  }
}

async function canConnect(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

describe('ottla-testkit', () => {
  test('prints its addresses, on consecutive ports, and stops after the signal', async () => {
    const port = await freePorts(2)
    const { host, printed, ready, stop } = processOf()
    const exit = runCli(['--brokers', '2', '--port', String(port), '--topic', 't:2:2', '--topic', 'u'], host)
    await ready
    expect(printed.out).toBe(`ottla-testkit ready: 127.0.0.1:${port},127.0.0.1:${port + 1}\n`)
    expect(printed.error).toBe('2 brokers in memory, topics t, u. Ctrl-C stops them.\n')
    expect(await canConnect(port + 1)).toBe(true)
    stop()
    expect(await exit).toBe(0)
    expect(await canConnect(port)).toBe(false)
    expect(await canConnect(port + 1)).toBe(false)
  })

  test('serves TLS, and writes the files that clients need', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ottla-cli-tls-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const { host, printed, ready, stop } = processOf()
    const tls = join(folder, 'tls')
    const exit = runCli(['--quiet', '--brokers', '1', '--port', '0', '--tls', tls], host)
    await ready
    const [, port] = /^ottla-testkit ready: 127\.0\.0\.1:(\d+)\n$/.exec(printed.out) ?? []
    const [ca, cert, key] = ['ca.pem', 'client.pem', 'client.key'].map((name) => readFileSync(join(tls, name)))
    const socket = connectTls({ host: '127.0.0.1', port: Number(port), ca, cert, key } as ConnectionOptions)
    await once(socket, 'secureConnect')
    socket.destroy()
    stop()
    expect(await exit).toBe(0)
  })

  test('serves the control port', async () => {
    const { host, printed, ready, stop } = processOf()
    const exit = runCli(['--quiet', '--brokers', '1', '--port', String(await freePorts(1)), '--control', '0'], host)
    await ready
    const [, url = ''] = /^ottla-testkit control: (\S+)\n/.exec(printed.out) ?? []
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({
      status: 'ok',
      brokers: [{ id: 1, isUp: true }],
    })
    stop()
    expect(await exit).toBe(0)
    expect(await canConnect(Number(new URL(url).port))).toBe(false)
  })

  test('fails when the control port is in use', async () => {
    const first = await freePorts(2)
    const taken = await listening(first + 1)
    const { exitCode, error } = await run('--brokers', '1', '--port', String(first), '--control', String(first + 1))
    taken?.close()
    expect(exitCode).toBe(2)
    expect(error).toContain(`--control: port ${first + 1} is in use`)
    expect(await canConnect(first)).toBe(false)
  })

  test('prints only its addresses with --quiet', async () => {
    const { host, printed, ready, stop } = processOf()
    const exit = runCli(['--quiet', '--brokers', '1', '--port', String(await freePorts(1))], host)
    await ready
    stop()
    expect(await exit).toBe(0)
    expect(printed.error).toBe('')
  })

  test('listens on free ports, and keeps its data in a directory', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'ottla-cli-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    for (const topics of [['--topic', 't'], []]) {
      const { host, printed, ready, stop } = processOf()
      const exit = runCli(['--port', '0', '--brokers', '1', '--data-dir', dir, '--as', '4.0', ...topics], host)
      await ready
      stop()
      expect(await exit).toBe(0)
      expect(printed.out).toMatch(/^ottla-testkit ready: 127\.0\.0\.1:\d+\n$/)
      expect(printed.error).toBe(`1 broker like Kafka 4.0 in ${dir}, topics t. Ctrl-C stops them.\n`)
    }
  })

  test('fails when a port is in use, and closes the ports already open', async () => {
    const first = await freePorts(2)
    const taken = await listening(first + 1)
    const { exitCode, out, error } = await run('--brokers', '2', '--port', String(first))
    taken?.close()
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' })
    expect(error).toContain(`Port ${first + 1} of 127.0.0.1 is in use. Choose another with --port`)
    expect(await canConnect(first)).toBe(false)
  })

  test.each([
    [['--nonsense'], "Unknown option '--nonsense'"],
    [['--port', 'x'], "--port must be an integer from 0 to 65535, not 'x'"],
    [['--port', '65535'], '--port must be at most 65533, for 3 consecutive ports, not 65535'],
    [['--brokers', '0'], "--brokers must be an integer from 1 to 100, not '0'"],
    [['--topic', ''], "--topic must be NAME, NAME:PARTITIONS or NAME:PARTITIONS:REPLICAS, not ''"],
    [['--topic', 't:two'], "--topic t:two: partitions must be an integer from 1 to 100000, not 'two'"],
    [['--topic', 't:1:4'], "Topic 't': replication factor 4 with 3 live brokers"],
    [['--control', 'x'], "--control must be an integer from 0 to 65535, not 'x'"],
    [['--sasl', 'alice'], '--sasl must have the form USER:PASSWORD'],
    [['--config', 'retention'], '--config must have the form NAME=VALUE'],
    [['--config', 'no.such.config=1'], "Config 'no.such.config' is not supported by the testkit"],
    [['--as', '2.8'], "Option 'as' must be one of 3.9, 4.0, 4.1, 4.2, 4.3, not '2.8'"],
    [['--fsync', 'never'], "Option 'fsync' must be 'os' or 'always', not 'never'"],
    [['--data-dir', ''], "Option 'dataDir' must not be empty"],
    [['--data-dir', '/dev/null/x'], "ENOTDIR: not a directory, mkdir '/dev/null/x'"],
    [['--host', '192.0.2.1'], '192.0.2.1 is not an address of this machine. Choose another with --host'],
  ])('rejects %j', async (args, problem) => {
    const { exitCode, out, error } = await run('--port', String(await freePorts(1)), ...args)
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' })
    expect(error).toBe(`ottla-testkit: ${problem}\nSee ottla-testkit --help.\n`)
  })

  test('prints its version and its options', async () => {
    expect(await run('--version')).toEqual({ exitCode: 0, out: '1.2.3\n', error: '' })
    const { exitCode, out } = await run('--help')
    expect(exitCode).toBe(0)
    for (const { name } of flags) {
      const option = `--${name}`
      expect(out).toContain(option)
    }
  })
})
