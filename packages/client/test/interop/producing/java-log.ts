import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { SpawnJava } from '../beside-java/java-peer.ts'
import type { ReadRecord } from './verdict.ts'

/** Java's option for what of transactions is read. */
export type Isolation = 'read_committed' | 'read_uncommitted'

/** Reads a topic with Java's consumer to its present end, record by record. `source` is the path of `java/Interop.java`. */
export async function readByJava(
  spawnJava: SpawnJava,
  source: string,
  { bootstrap, topic, isolation }: { bootstrap: readonly string[]; topic: string; isolation: Isolation },
  take: (record: ReadRecord) => void,
): Promise<void> {
  const child = spawnJava([source, 'read', bootstrap.join(','), topic, `isolation.level=${isolation}`])
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr = (stderr + text).slice(-4000)
  })
  const ended = once(child, 'exit')
  let isWhole = false
  if (child.stdout === null) throw new Error('The Java program has no output')
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'end') isWhole = true
    else take(recordOf(line))
  }
  await ended
  if (!isWhole) throw new Error(`Java's consumer has not read the whole topic:\n${stderr}`)
}

function recordOf(line: string): ReadRecord {
  const first = line.indexOf(' ')
  const second = line.indexOf(' ', first + 1)
  const partition = Number(line.slice(0, first))
  return { partition, offset: Number(line.slice(first + 1, second)), value: line.slice(second + 1) }
}
