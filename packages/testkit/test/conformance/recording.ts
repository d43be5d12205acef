import { readFileSync, writeFileSync } from 'node:fs'
import type { Played, Versions } from './play.ts'

/** The advertised versions and the responses of Apache Kafka 4.3.1, written by `npm run conformance -- testkit`. */
export interface Recording {
  readonly advertised: ReadonlyMap<number, Versions>
  readonly played: readonly Played[]
}

const file = new URL('./kafka-4.3.1.ndjson', import.meta.url)

interface Line extends Omit<Played, 'steps'> {
  readonly steps?: Played['steps']
  /** The steps are the same as in this version. */
  readonly asIn?: number
}

export function readRecording(): Recording {
  const [head = '[]', ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
  const known = new Map<string, Played>()
  for (const text of lines) {
    const { steps, asIn, ...line } = JSON.parse(text) as Line
    const keyOf = (version: number) => `${line.api} ${version} ${line.part}`
    known.set(keyOf(line.version), { ...line, steps: steps ?? known.get(keyOf(asIn ?? -1))?.steps ?? [] })
  }
  return { advertised: new Map(JSON.parse(head)), played: [...known.values()] }
}

/** Versions with equal responses are written once. */
export function writeRecording({ advertised, played }: Recording): void {
  const first = new Map<string, number>()
  const lines = played.map(({ api, version, part, steps, ...rest }) => {
    const key = `${api} ${part} ${JSON.stringify(steps)}`
    const asIn = first.get(key)
    if (asIn !== undefined) return JSON.stringify({ api, version, part, asIn, ...rest })
    first.set(key, version)
    return JSON.stringify({ api, version, part, steps, ...rest })
  })
  const head = JSON.stringify([...advertised].sort(([a], [b]) => a - b))
  writeFileSync(file, `${[head, ...lines].join('\n')}\n`)
}
