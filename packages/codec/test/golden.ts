import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

/** The lines of a file of test/golden, cut at their tabs. Kafka's own classes wrote them: see test/java. */
export function goldenLines(name: string): string[][] {
  const bytes = readFileSync(fileURLToPath(new URL(`./golden/${name}`, import.meta.url)))
  const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))
}

/** Looks up bytes by name in a golden file of names and hex. */
export function goldenBytes(file: string): (name: string) => Buffer {
  const all = new Map(goldenLines(file).map(([name, hex]) => [name, hex]))
  return (name) => {
    const hex = all.get(name)
    if (hex === undefined) throw new Error(`${file} has no ${name}`)
    return Buffer.from(hex, 'hex')
  }
}
