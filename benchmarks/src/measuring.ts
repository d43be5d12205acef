import { alternating, cpuPerMillion, type Measured } from './measured.ts'

interface Measure {
  readonly name: string
}

/** By measure and client, in the order of the runs. */
export type Results<M extends Measure, R extends Measured> = ReadonlyMap<M, ReadonlyMap<string, readonly R[]>>

export interface Measuring<M extends Measure, R extends Measured> {
  /** For the lines of progress. */
  readonly title: string
  readonly measures: readonly M[]
  readonly runs: number
  clientsOf(measure: M): readonly string[]
  /** Null: the client cannot do it. */
  measureOne(client: string, measure: M): Promise<R | null>
}

/** Each client in turn, every other time in the opposite order. Prints the figure of each run. */
export async function measureAll<M extends Measure, R extends Measured>(work: Measuring<M, R>): Promise<Results<M, R>> {
  const { title, measures, runs } = work
  const results = new Map(measures.map((measure) => [measure, new Map<string, R[]>()]))
  for (const measure of measures) {
    for (let run = 1; run <= runs; run++) {
      for (const client of alternating(work.clientsOf(measure), run)) {
        const measured = await work.measureOne(client, measure)
        const figure = measured === null ? 'not offered' : `${cpuPerMillion([measured]).toFixed(3)} CPU s/M`
        console.error(`${title} ${measure.name}, run ${run} of ${runs}: ${client} ${figure}`)
        if (measured === null) continue
        const all = results.get(measure)!
        all.set(client, [...(all.get(client) ?? []), measured])
      }
    }
  }
  return results
}

/** Those with the given names, or whose names begin with one and a dash; without names `byDefault`. */
export function chosenOf<M extends Measure>(
  all: readonly M[],
  only: readonly string[],
  byDefault: (measure: M) => boolean = () => true,
): readonly M[] {
  const isNamed = ({ name }: M) => only.some((one) => name === one || name.startsWith(`${one}-`))
  const measures = all.filter(only.length === 0 ? byDefault : isNamed)
  if (measures.length > 0) return measures
  throw new Error(`no such measure: there are ${all.map(({ name }) => name).join(', ')}`)
}

/** The results as JSON, by the names of the measures and clients. */
export function printJson<M extends Measure, R extends Measured>(results: Results<M, R>): void {
  console.log(JSON.stringify([...results].map(([{ name }, clients]) => [name, Object.fromEntries(clients)])))
}
