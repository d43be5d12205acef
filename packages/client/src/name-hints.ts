import { type ForeignName, foreignNames, type NamePlace } from './foreign-names.ts'

const owners: Readonly<Record<NamePlace, string>> = {
  kafka: 'new Kafka()',
  tls: '`tls` of new Kafka()',
  sasl: '`sasl` of new Kafka()',
  producer: 'kafka.producer()',
  consumer: 'kafka.consumer()',
  run: 'consumer.run()',
  send: 'producer.send()',
  record: 'the record',
  header: 'the header',
}

/** Where the options of a call belong, by the name of the call as messages show it. */
export function placeOf(owner: string, prefix: string): NamePlace | undefined {
  if (prefix === 'tls.') return 'tls'
  return (Object.keys(owners) as NamePlace[]).find((place) => owners[place] === owner)
}

/**
 * A hint for a name that does not exist among `names`: what ottla calls it, if it is known from another client; else the most
 * similar name; else all names. `prefix` precedes the names of nested options: 'tls.'.
 */
export function nameHint(place: NamePlace | undefined, name: string, names: readonly string[], prefix = ''): string {
  const written = normalized(name)
  const same = names.find((own) => normalized(own) === written)
  if (same !== undefined) return `Did you mean '${prefix}${same}'?`
  const foreign = foreignNames.get(written) ?? []
  const here = foreign.find((each) => each.place === place)
  if (here !== undefined) return here.advice ?? didYouMean(here, prefix)
  const similar = foreign.length > 0 ? undefined : mostSimilar(name, names)
  if (similar !== undefined) return `Did you mean '${prefix}${similar}'?`
  const elsewhere = foreign[0]
  if (elsewhere !== undefined)
    return elsewhere.advice ?? `Set ${quoted(elsewhere.names, '')} of ${owners[elsewhere.place]}.`
  const kind = place === 'record' || place === 'header' ? 'fields' : 'options'
  return `Choose one of the ${kind} ${names.map((each) => prefix + each).join(', ')}.`
}

function didYouMean({ names }: ForeignName, prefix: string): string {
  return `Did you mean ${quoted(names, prefix)}?`
}

function quoted(names: readonly string[], prefix: string): string {
  return names.map((name) => `'${prefix}${name}'`).join(' or ')
}

function normalized(name: string): string {
  return name.toLowerCase().replace(/[._-]/g, '')
}

/** The name with the smallest edit distance, where that is small. */
function mostSimilar(name: string, names: readonly string[]): string | undefined {
  const written = name.toLowerCase()
  let best: string | undefined
  let least = Math.max(2, Math.floor(written.length / 3)) + 1
  for (const candidate of names) {
    const other = candidate.toLowerCase()
    const distance = other.startsWith(written) || written.startsWith(other) ? 1 : editDistance(written, other)
    if (distance < least) {
      least = distance
      best = candidate
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, swap))
    }
    row = next
  }
  return row[b.length]!
}
