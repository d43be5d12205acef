import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { refusedIn } from './lib/plain-words.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The list itself, its test, and what is not ours to word: licences, lock files, recordings of Kafka, its definitions. */
const exempt =
  /^(scripts\/(lib\/plain-words|wording\.test)\.ts|LICENSE|NOTICE|.*\/(LICENSE|NOTICE)|pnpm-lock\.yaml|packages\/testkit\/src\/state\/configs\/data\/.*)$/
const text = /\.(ts|mts|mjs|js|cjs|md|json|ya?ml|patch|java|go|py|ndjson|wat)$|\/(run|cluster)$/

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => text.test(path) && !exempt.test(path) && existsSync(root + path))

describe('the wording', () => {
  test('uses the terms of the field: none of the words and forms of scripts/lib/plain-words.ts', () => {
    expect(files.length).toBeGreaterThan(900)
    const found = files.flatMap((path) =>
      readFileSync(root + path, 'utf8')
        .split('\n')
        .flatMap((line, at) =>
          refusedIn(path, line).map(
            ({ pattern, better }) => `${path}:${at + 1} ${pattern.exec(line)?.[0]} → ${better}: ${line.trim()}`,
          ),
        ),
    )
    expect(found).toEqual([])
  })

  test.each([
    ['packages/client/src/x.ts', '// the answer of the broker'],
    ['packages/client/src/x.ts', 'const groupLane = 1'],
    ['docs/x.md', 'A client goes on, whoever leads.'],
    ['packages/client/src/x.ts', "throw new KafkaError('CLOSED', 'the consumer is closed')"],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source code as text
    ['packages/client/src/x.ts', "`topic '${topic}' partition ${partition}`"],
    ['packages/client/src/x.test.ts', "it('sends', () => {"],
    ['packages/client/src/x.test.ts', "test('should send', () => {"],
    ['packages/testkit/src/x.ts', '/** Breaks R11. */'],
  ])('refuses, in %s: %s', (path, line) => {
    expect(refusedIn(path, line)).not.toEqual([])
  })

  test.each([
    ['packages/client/src/x.ts', '// The broker responds within requestTimeoutMs.'],
    ['packages/client/src/x.ts', "throw new KafkaError('CLOSED', 'The consumer is closed')"],
    ['packages/client/src/x.test.ts', "test('sends again when the leader moved', () => {"],
  ])('accepts, in %s: %s', (path, line) => {
    expect(refusedIn(path, line)).toEqual([])
  })
})
