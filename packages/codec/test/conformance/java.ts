import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Runs a program of test/java with Kafka's jars and returns its output. */
export function java(program: string, ...args: string[]): string {
  const libs = process.env.KAFKA_LIBS
  if (libs === undefined)
    throw new Error("KAFKA_LIBS must name the folder with Kafka's jars: use npm run conformance -- codec")
  const file = fileURLToPath(new URL(`../java/${program}.java`, import.meta.url))
  return execFileSync(process.env.KAFKA_JAVA ?? 'java', ['-Dfile.encoding=UTF-8', '-cp', `${libs}/*`, file, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
}

/** A file of test/golden. */
export function golden(name: string): string {
  return fileURLToPath(new URL(`../golden/${name}`, import.meta.url))
}
