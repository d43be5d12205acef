import type { Facts } from './scenario.ts'
import type { Outcome } from './scenarios.ts'

/** A scenario, what one client does there and the other does not, and why. */
export interface Difference {
  readonly scenario: string
  readonly difference: string
  readonly reason: string
}

/** What a client can do that is not as it should be. */
const failings = {
  missing: 'does not deliver all records',
  again: 'delivers records twice',
  above: 'commits above what was handled',
  back: 'commits a lower offset',
  short: 'has not committed the end of the log',
} as const satisfies Partial<Record<keyof Facts, string>>

const mostCases = 5

/** One line about a reader. */
export function summaryOf(facts: Facts): string {
  const counts = Object.keys(failings).map((key) => `${key} ${facts[key as keyof typeof failings].length}`)
  const { label, fetches, resets, failure } = facts
  return `${label}: ${counts.join(', ')}, fetches ${fetches}, resets [${resets.join(', ')}], ${failure ?? 'no failure'}`
}

/** What Java does and ottla does not, and the other way round; `details` are the cases. */
export function differencesOf({
  name: scenario,
  facts,
}: Outcome): (Omit<Difference, 'reason'> & { details: string })[] {
  const java = facts.filter(({ label }) => label === 'java')
  const ottla = facts.filter(({ label }) => label !== 'java')
  return Object.entries(failings).flatMap(([key, failing]) => {
    const casesOf = (some: readonly Facts[]) => some.flatMap((one) => one[key as keyof typeof failings])
    const [ofJava, ofOttla] = [casesOf(java), casesOf(ottla)]
    if (ofJava.length > 0 === ofOttla.length > 0) return []
    const client = ofJava.length > 0 ? 'Java' : 'ottla'
    const cases = [...new Set([...ofJava, ...ofOttla])]
    const details = cases.length > mostCases ? [...cases.slice(0, mostCases), '…'] : cases
    return [{ scenario, difference: `${client} ${failing}`, details: details.join(', ') }]
  })
}

/** The rows of the table in a Markdown text. */
export function parseDifferences(markdown: string): Difference[] {
  const rows = markdown.split('\n').filter((line) => line.startsWith('|'))
  return rows.slice(2).map((line) => {
    const [, scenario = '', difference = '', reason = ''] = line.split('|').map((cell) => cell.trim())
    return { scenario, difference, reason }
  })
}
