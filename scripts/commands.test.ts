import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { formsOf } from './lib/readme-forms.mjs'
import { stepsOf } from './lib/readme-steps.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const scriptsOf = (path: string) =>
  Object.keys((JSON.parse(readFileSync(root + path, 'utf8')) as { scripts?: object }).scripts ?? {})
const scripts = [...scriptsOf('package.json'), ...scriptsOf('packages/codec/package.json')]

/** Tracked and new text files, but for those of other tools and this test. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => /\.(md|ts|mts|mjs|cjs|js|json|yml|patch)$/.test(path) && existsSync(root + path))
  .filter((path) => path !== 'scripts/commands.test.ts')

function linesWith(pattern: RegExp): { place: string; match: RegExpMatchArray }[] {
  return files.flatMap((path) =>
    readFileSync(root + path, 'utf8')
      .split('\n')
      .flatMap((text, i) => [...text.matchAll(pattern)].map((match) => ({ place: `${path}:${i + 1}`, match }))),
  )
}

describe('commands in texts', () => {
  test('are scripts of package.json', () => {
    const found = linesWith(/npm run (?:-s )?([a-z][\w:-]*)/g)
    expect(found.length).toBeGreaterThan(40)
    expect(found.filter(({ match }) => !scripts.includes(match[1] ?? '')).map(({ place }) => place)).toEqual([])
  })

  test('have one form: npm run NAME -- ARGUMENTS', () => {
    // pnpm has a command of that name itself.
    const names = scripts.filter((name) => name !== 'pack').join('|')
    const viaPnpm = linesWith(new RegExp(`\\bpnpm (?:run )?(?:${names})\\b`, 'g'))
    const withoutDashes = linesWith(/npm run [\w:-]+ (?:codec|testkit|produce|up|down)\b/g)
    expect([...viaPnpm, ...withoutDashes].map(({ place, match }) => `${place} ${match[0]}`)).toEqual([])
  })

  test('name the package of ottla-testkit: npx alone would look for another one', () => {
    expect(linesWith(/npx ottla-testkit/g).map(({ place }) => place)).toEqual([])
  })

  test('that take minutes have a short form in the check that follows the pages', () => {
    const forms = formsOf({ mutant: '', kafka: '' })
    const steps = ['README.md', 'CONTRIBUTING.md'].flatMap((page) => stepsOf(readFileSync(root + page, 'utf8')))
    const long = /^npm run (chaos|soak|scenarios|fuzz|mutants|conformance|check:long|bench -- (produce|failover))\b/
    const commands = steps.flatMap((step) => (step.kind === 'command' && long.test(step.command) ? step.command : []))
    expect(commands.length).toBeGreaterThan(10)
    expect(commands.filter((command) => forms[command] === undefined)).toEqual([])
  })
})
