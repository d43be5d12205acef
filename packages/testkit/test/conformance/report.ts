import { type PartName, partNames } from './case.ts'
import type { PairVerdict } from './compare.ts'
import type { Played } from './play.ts'

/** A summary of all pairs. */
export function summaryOf(pairs: readonly PairVerdict[]): string {
  const equal = pairs.filter(({ isEqual }) => isEqual).length
  const steps = pairs.reduce((sum, { parts }) => sum + parts.reduce((all, part) => all + part.steps, 0), 0)
  const percent = pairs.length === 0 ? 0 : Math.floor((1000 * equal) / pairs.length) / 10
  return `${equal} of ${pairs.length} API versions equal in all steps (${percent} %), ${steps} steps`
}

/** The page `docs/conformance.md`. */
export function reportOf(pairs: readonly PairVerdict[], played: readonly Played[]): string {
  const different = pairs.filter(({ isEqual }) => !isEqual)
  return `# The testkit beside Apache Kafka 4.3.1

Written by \`npm run conformance -- testkit\`: for every API and version that a broker of Kafka 4.3.1 advertises to clients, the
same requests are sent to both: valid ones, invalid ones, and valid ones in a wrong state. The responses are compared field by
field, including error messages. The fields that are never compared are listed in
\`packages/testkit/test/conformance/masks.ts\`; those that single cases ignore are listed at the end of this page.

**${summaryOf(pairs)}.** A version with any difference counts as different, as does a missing version.

In the table a number is the number of steps, all of them equal; ✗ is followed by the number of differing fields; – means that there is no step.

| Key | API | Versions | Valid | Invalid | Wrong state |
|---|---|---|---|---|---|
${rows(pairs).join('\n')}

## What differs

${different.length === 0 ? 'Nothing.' : different.map(differenceOf).join('\n')}

## What single cases do not compare

Fields that depend on which broker is leader or coordinator, on the machine's disks, or on the messages of one kind of
controller. The case states the reason.

${droppedFields(played).join('\n')}
`
}

/** A field that this many APIs leave out is listed once. */
const widespread = 10

function droppedFields(played: readonly Played[]): string[] {
  const apisOf = new Map<string, Set<string>>()
  for (const { api, dropped = [] } of played) {
    for (const field of dropped) apisOf.set(field, (apisOf.get(field) ?? new Set()).add(api))
  }
  const byApi = new Map<string, string[]>()
  const lines: string[] = []
  for (const [field, apis] of apisOf) {
    if (apis.size >= widespread) lines.push(`- \`${field}\` in ${apis.size} APIs`)
    else for (const api of apis) byApi.set(api, [...(byApi.get(api) ?? []), `\`${field}\``])
  }
  const named = Array.from(byApi, ([api, fields]) => `- **${api}**: ${fields.join(', ')}`)
  return [...lines, ...named.sort()]
}

function rows(pairs: readonly PairVerdict[]): string[] {
  const lines: string[] = []
  for (let at = 0; at < pairs.length; ) {
    const first = pairs[at] as PairVerdict
    const cells = cellsOf(first)
    let end = at + 1
    while (pairs[end]?.api === first.api && cellsOf(pairs[end] as PairVerdict) === cells) end++
    const last = pairs[end - 1] as PairVerdict
    const versions = first.version === last.version ? `${first.version}` : `${first.version}–${last.version}`
    lines.push(`| ${first.key} | ${first.api} | ${versions} | ${cells} |`)
    at = end
  }
  return lines
}

function cellsOf(pair: PairVerdict): string {
  return partNames.map((name) => cellOf(pair, name)).join(' | ')
}

function cellOf({ parts }: PairVerdict, name: PartName): string {
  const part = parts.find((each) => each.part === name)
  if (part === undefined || part.steps === 0) return '–'
  return part.differences.length === 0 ? String(part.steps) : `✗ ${part.differences.length}`
}

function differenceOf({ api, version, parts }: PairVerdict): string {
  const texts = parts.flatMap(({ part, steps, differences }) => {
    if (steps === 0) return [`no ${part} step`]
    return differences.slice(0, 2).map((each) => `\`${each.replaceAll('`', "'").slice(0, 200)}\``)
  })
  return `- **${api} ${version}**: ${texts.join('; ')}`
}
