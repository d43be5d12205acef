import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Kafka } from '../../src/index.ts'
import { silentLogger } from '../../src/logger.ts'
import { within } from '../support/until.ts'

const embedded = fileURLToPath(new URL('../support/embedded-program.mjs', import.meta.url))
const standalone = fileURLToPath(new URL('../../../testkit/bin/ottla-testkit.js', import.meta.url))

interface Program {
  readonly child: ChildProcess
  /** The first line that it prints; an error once it exits without one. */
  readonly firstLine: Promise<string>
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
}

function start(program: string, args: readonly string[]): Program {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const ended = once(child, 'exit').then(([code, signal]: unknown[]) => (code ?? signal) as number | string)
  const line = once(createInterface({ input: child.stdout }), 'line').then(([text]) => String(text))
  const closed = once(child.stdout, 'close').then(() => Promise.reject(new Error(`It printed nothing. ${errors}`)))
  closed.catch(() => {})
  return { child, firstLine: Promise.race([line, closed]), ended }
}

describe('a process that forgot its cluster', { timeout: 60_000 }, () => {
  test.each([
    ['in memory', '1'],
    ['on TCP', '1'],
    ['on TLS', '1'],
    ['with an open client of another process', 'connected'],
    ['slow requests', '1'],
    ['no response', 'DELIVERY_TIMED_OUT'],
    ['calls of the cluster', expect.stringContaining('within 300 ms')],
  ])('settles the calls it awaits, then exits by itself: %s', async (scene, expected) => {
    const { child, firstLine, ended } = start(embedded, [scene])
    try {
      expect(await within('its calls', 30_000, firstLine)).toEqual(expected)
      expect(await within('its end', 5_000, ended)).toBe(0)
    } finally {
      child.kill('SIGKILL')
    }
  })
})

describe('a server runs until it is stopped', { timeout: 60_000 }, () => {
  test.each([
    ['the program', standalone, ['--port', '0', '--topic', 't']],
    ['a cluster with keepAlive', embedded, ['a cluster that keeps the process alive']],
  ])('%s', async (_, program, args) => {
    const { child, firstLine, ended } = start(program, args)
    try {
      const brokers = (await within('its start', 30_000, firstLine)).replace(/^.*ready: /, '').split(',')
      for (let client = 0; client < 3; client++) {
        const kafka = new Kafka({ brokers, logger: silentLogger })
        await kafka.producer().send({ topic: 't', value: 'x' })
        await kafka.close()
      }
      expect(child.exitCode).toBe(null)
      child.kill('SIGKILL')
      expect(await ended).toBe('SIGKILL')
    } finally {
      child.kill('SIGKILL')
    }
  })
})
