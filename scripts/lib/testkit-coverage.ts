import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { allApis } from '../../packages/codec/src/api/registry.ts'
import { advertised, handlers } from '../../packages/testkit/src/handlers/registry.ts'
import { unsupported } from '../../packages/testkit/src/handlers/unsupported.ts'
import { noQuirks } from '../../packages/testkit/src/state/quirks.ts'
import { latestRelease, type ReleaseName, releaseOf } from '../../packages/testkit/src/state/releases.ts'
import { configsSection } from './testkit-configs.ts'
import { semantics } from './testkit-semantics.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Span {
  readonly min: number
  readonly max: number
}

const spanOf = ({ min, max }: Span) => (min === max ? String(min) : `${min}–${max}`)
const servedSpan = ({ minVersion: min, maxVersion: max }: { minVersion: number; maxVersion: number }) =>
  spanOf({ min, max })

/** The whole of docs/testkit-coverage.md. */
export function coveragePage(): string {
  return [
    '# What the testkit covers',
    'This list is generated from the code (`npm run coverage -- testkit`), and a test fails when it is stale. The testkit has nothing\nbeyond this list: APIs that are not served are not advertised, and a request of one closes the connection.',
    apisSection(),
    releasesSection(),
    configsSection(),
    semanticsSection(),
  ]
    .join('\n\n')
    .concat('\n')
}

function apisSection(): string {
  const rows = handlers.map((entry) => {
    const { api } = entry
    const known = spanOf(api.versions)
    const note = api.unstable ? `${api.versions.max} is not stable in Kafka` : ''
    return `| ${api.key} | ${api.name} | ${servedSpan(entry)} | ${known} | ${note} |`
  })
  const others = allApis
    .filter(({ name }) => Object.hasOwn(unsupported, name))
    .map(({ key, name, versions }) => `| ${key} | ${name} | ${spanOf(versions)} | ${unsupported[name]} |`)
  return [
    `## APIs\n\nOf the ${allApis.length} APIs in \`@ottla/codec\`, ${handlers.length} are served. For each of them a test sends the same bytes before and after a change of state\n(\`packages/testkit/test/not-constant.test.ts\`): no response is constant.`,
    `| Key | API | Versions served | Versions in the codec | |\n|---|---|---|---|---|\n${rows.join('\n')}`,
    'Produce is advertised from version 0 and served from version 3, as in Kafka 4.3. These APIs are not served:',
    `| Key | API | Versions in the codec | Reason |\n|---|---|---|---|\n${others.join('\n')}`,
    'Clients do not send the requests between brokers and controllers. The brokers and controllers of the testkit are one program\nand do not use the protocol among themselves: followers read logs, and brokers receive metadata, by function calls. So no\nfault rule matches that traffic, and no traffic log contains it.',
  ].join('\n\n')
}

const releases: Readonly<Record<Exclude<ReleaseName, typeof latestRelease>, true>> = {
  '3.9': true,
  '4.0': true,
  '4.1': true,
  '4.2': true,
}

function releasesSection(): string {
  const parts = Object.keys(releases)
    .sort()
    .reverse()
    .map((name) => `### ${name}\n\n${releaseList(name)}`)
  return [
    '## Releases',
    `\`as\` (\`--as\`) makes the brokers advertise the API versions and features of an older Kafka. By default they are Kafka ${latestRelease}. Their\nbehaviour is that of Kafka ${latestRelease} in every release: only the versions, features and rejections below differ.`,
    ...parts,
  ].join('\n\n')
}

function releaseList(name: string): string {
  const release = releaseOf(name)
  const offered = new Map(advertised({ release, quirks: noQuirks }).map((each) => [each.apiKey, each]))
  const missing: string[] = []
  const lower: string[] = []
  for (const entry of advertised({ quirks: noQuirks })) {
    const there = offered.get(entry.apiKey)
    const api = handlers.find((each) => each.api.key === entry.apiKey)?.api.name ?? ''
    if (there === undefined) missing.push(api)
    else if (servedSpan(there) !== servedSpan(entry)) lower.push(`${api} ${servedSpan(there)}`)
  }
  const refused = handlers.filter(({ api }) => release?.refused.has(api.key)).map(({ api }) => api.name)
  const features = release?.features.map((each) => `\`${each.name}\` ${each.level} (${spanOf(each)})`) ?? []
  const line = (title: string, items: readonly string[]) =>
    `- ${title}: ${items.length === 0 ? 'none' : items.join(', ')}.`
  return [
    line('Features, with the level of a new cluster', features),
    line('Missing APIs', missing),
    line('Advertised but rejected, because their feature is off', refused),
    line('Other versions', lower),
  ].join('\n')
}

function semanticsSection(): string {
  const rows = semantics.map(({ what, shownBy, missing }, index) => {
    const shown = shownBy.map(({ file, name }) => `${basename(file)}: “${name}”`).join('<br>')
    return `| ${index + 1} | ${what} | ${shown || 'not shown'} | ${missing ?? ''} |`
  })
  const whole = semantics.filter(({ shownBy, missing }) => shownBy.length > 0 && missing === undefined).length
  return [
    `## Semantics\n\nBehaviours that models of Kafka tend to get wrong. Each row names its tests; for ${semantics.length - whole} of ${semantics.length} the row says what is\nuntested or missing. Files that end in \`.test.ts\` are tests; the others are steps of the\n[comparison with Kafka 4.3.1](conformance.md).`,
    `| | Behaviour of Kafka | Shown by | Not shown |\n|---|---|---|---|\n${rows.join('\n')}`,
  ].join('\n\n')
}

/** Tests and steps that are named and are not there. */
export function missingEvidence(): string[] {
  const folder = join(root, 'packages/testkit')
  const paths = ['src', 'test'].flatMap((part) =>
    readdirSync(join(folder, part), { recursive: true, encoding: 'utf8' }).map((name) => `/${part}/${name}`),
  )
  const read = new Map<string, string>()
  const found: string[] = []
  for (const { file, name } of semantics.flatMap(({ shownBy }) => shownBy)) {
    const [path, ...others] = paths.filter((each) => each.endsWith(`/${file}`))
    if (path === undefined || others.length > 0) {
      found.push(`${file}: ${path === undefined ? 'no such file' : 'several of this name'}`)
      continue
    }
    const text = read.get(path) ?? readFileSync(join(folder, path), 'utf8')
    read.set(path, text)
    if (!isCalled(text, name, file.endsWith('.test.ts'))) found.push(`${file}: ${name}`)
  }
  return found
}

/** A test by its own call or as a row of a table; a step as an argument. */
function isCalled(text: string, name: string, isTest: boolean): boolean {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const before = isTest ? '(?:\\b(?:test|it)\\(|\\)\\(|\\[)' : '[(,]'
  return new RegExp(`${before}\\s*(['"\`])${escaped}\\1`).test(text)
}
