import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Three brokers of the testkit in a process of their own, while `act` runs. Topics as the program takes them: `name:partitions`. */
export async function withStandalone<T>(
  topics: readonly string[],
  act: (brokers: readonly string[]) => Promise<T>,
  options: readonly string[] = [],
): Promise<T> {
  const bin = fileURLToPath(new URL('../../packages/testkit/bin/ottla-testkit.js', import.meta.url))
  const named = topics.flatMap((topic) => ['--topic', topic])
  const args = ['--brokers', '3', '--port', '0', '--quiet', ...named, ...options]
  const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const brokers = /ready: (\S+)/.exec(line.toString())?.[1]
    if (brokers === undefined) throw new Error(`The brokers did not start: ${line.toString()}`)
    return await act(brokers.split(','))
  } finally {
    child.kill()
    await once(child, 'exit')
  }
}
