import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { distribution } from '../../tools/kafka/index.mjs'

export interface JavaRun {
  readonly output: string
  /** Of the whole process. */
  readonly cpuSeconds: number
}

/** Runs one of Kafka's own performance tools. */
export async function runTool(className: string, args: readonly (string | number)[]): Promise<JavaRun> {
  const found = await distribution()
  const java = [found.java, '-Xmx512m', '-XX:+UseSerialGC', '-cp', `${found.libs}/*`, className, ...args]
  // `times` prints what the children of the shell took.
  const command = ['-c', '"$@" && times', 'bash', ...java.map(String)]
  const child = spawn('bash', command, { stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  await once(child, 'close')
  const times = [...(output.trim().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)]
  if (times.length !== 2) throw new Error(`${className} failed: ${output}`)
  const cpuSeconds = times.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0)
  return { output, cpuSeconds }
}
