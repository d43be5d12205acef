import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { handlers } from '../packages/testkit/src/handlers/registry.ts'
import { unsupported } from '../packages/testkit/src/handlers/unsupported.ts'
import { stateWriters } from './lib/consumer-state.ts'
import { interpretedCodes } from './lib/error-names.ts'
import { type FileKind, importsOf, inspect } from './lib/tidy-rules.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(root + path, 'utf8')

/** What git keeps or would keep: tracked files, and new ones that are not ignored. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(root + path))

const sources = files.filter((path) => /\.(ts|mts|mjs|js|cjs)$/.test(path))
const isTest = (path: string) => /\.test\.ts$|\/test\//.test(path)
const isGenerated = (path: string) => /^packages\/codec\/src\/(api|data|generated)\/(\d\d-)?[a-z0-9-]+\.ts$/.test(path)

/** Where the Runtime of a host is written. */
const hostCode =
  /^packages\/(runtime\/src|client\/src\/runtime|testkit\/src\/(network|runtime))\/|^packages\/testkit\/src\/cli\.ts$/

function kindOf(path: string): FileKind {
  return {
    throughRuntime: /^packages\/[^/]+\/src\//.test(path) && !hostCode.test(path) && !isTest(path),
    test: isTest(path),
    defaultExport: /\.config\.ts$|\.(mjs|cjs|js)$/.test(path),
  }
}

describe('every source file', () => {
  test('keeps the rules of style: lengths, no any, no inheritance, nothing unfinished, all through the Runtime', () => {
    expect(sources.length).toBeGreaterThan(150)
    const found = sources.flatMap((path) =>
      inspect(path, read(path), kindOf(path)).map(({ line, rule, message }) => `${path}:${line} ${rule}: ${message}`),
    )
    expect(found).toEqual([])
  })

  test('has at most 400 lines; the list of exceptions only shrinks', () => {
    const ratchet: Record<string, number> = JSON.parse(read('scripts/tidy-ratchet.json'))
    const found: string[] = []
    for (const path of sources) {
      if (isGenerated(path)) continue
      const lines = read(path).trimEnd().split('\n').length
      const limit = ratchet[path] ?? (isTest(path) ? 600 : 400)
      if (lines > limit) found.push(`${path} has ${lines} lines, the limit is ${limit}: split it by role`)
      if (path in ratchet && lines < limit)
        found.push(`${path} has ${lines} lines: lower or drop its ratchet of ${limit}`)
    }
    for (const path of Object.keys(ratchet)) {
      if (!sources.includes(path)) found.push(`${path} is gone: drop its ratchet`)
    }
    expect(found).toEqual([])
  })
})

/** What a folder's files may import besides their own package and Node. */
const allowedPackages: readonly { readonly folder: RegExp; readonly names: RegExp }[] = [
  { folder: /^packages\/runtime\/src\//, names: /^$/ },
  { folder: /^packages\/codec\/src\//, names: /^$/ },
  { folder: /^packages\/testkit\/src\/fixtures\/vitest\.ts$/, names: /^vitest$/ },
  { folder: /^packages\/testkit\/src\/network\/certificates\.ts$/, names: /^(pkijs|asn1js)$/ },
  { folder: /^packages\/testkit\/src\//, names: /^@ottla\/(codec|runtime)(\/|$)/ },
  { folder: /^packages\/client\/src\//, names: /^@ottla\/(codec|runtime)(\/|$)/ },
  { folder: /^packages\/(codec|testkit)\/test\//, names: /^(@ottla\/(codec|runtime|testkit)|vitest)(\/|$)/ },
]

describe('imports', () => {
  test('go down: codec imports no sibling, testkit and client only the codec', () => {
    const found: string[] = []
    for (const path of sources) {
      const rule = allowedPackages.find(({ folder }) => folder.test(path))
      if (!rule) continue
      for (const { line, from } of importsOf(path, read(path))) {
        if (from.startsWith('.') || from.startsWith('node:') || rule.names.test(from)) continue
        if (isTest(path) && from === 'vitest') continue
        found.push(`${path}:${line} imports ${from}`)
      }
    }
    expect(found).toEqual([])
  })
})

describe('what an error code means', () => {
  /** The table itself; the codes of the client; hints for people, which no code acts on. */
  const owners = /^packages\/client\/src\/(error-meaning|errors|error-hints)\.ts$/

  test('is decided by the table in error-meaning.ts, and nowhere else in the client', () => {
    const others = sources.filter(
      (path) => /^packages\/client\/src\//.test(path) && !isTest(path) && !owners.test(path),
    )
    expect(others.length).toBeGreaterThan(100)
    const found = others.flatMap((path) =>
      interpretedCodes(path, read(path)).map(({ line, message }) => `${path}:${line} ${message}`),
    )
    expect(found).toEqual([])
  })

  test.each([
    ["error.code === 'NOT_COORDINATOR'"],
    ["'CLOSED' !== error.code"],
    ["switch (name) { case 'ABORTED': }"],
    ["const moved = new Set(['NOT_CONTROLLER'])"],
    ['const actions = { UNKNOWN_MEMBER_ID: 1 }'],
    ["const actions = new Map([['TIMED_OUT', 1]])"],
    ['response.errorCode === 35'],
    ['if (code !== 15) f()'],
  ])('is not decided by %j', (text) => {
    expect(interpretedCodes('planted.ts', text).map(({ rule }) => rule)).toEqual(['error codes'])
  })

  test.each([
    ["throw new KafkaError('CLOSED', message)"],
    ["errorCode('LEADER_NOT_AVAILABLE')"],
    ['if (response.errorCode !== 0) fail()'],
    ["if (meaningOf(code).moved === 'leader') f()"],
    ["if (error.code === 'ECONNREFUSED') f()"],
  ])('leaves %j alone', (text) => {
    expect(interpretedCodes('planted.ts', text)).toEqual([])
  })
})

describe('the state of a consumed partition', () => {
  const folder = 'packages/client/src/consumer/'

  test('is private, and written only by the files that own it', () => {
    const consumer = sources.filter((path) => path.startsWith(folder) && !isTest(path))
    expect(consumer.length).toBeGreaterThan(50)
    const found = consumer.flatMap((path) =>
      stateWriters(path, read(path)).map(({ line, message }) => `${path}:${line} ${message}`),
    )
    expect(found).toEqual([])
  })

  test.each([
    ['reading/runner.ts', 'batch.owner.progress.settle(0, 1)'],
    ['reading/poll.ts', 'const { progress } = partition; progress.hand(0, 1, 0)'],
    ['offsets/positions.ts', 'partition.progress.start(position)'],
    ['offsets/committer.ts', 'partition.progress.stored(5)'],
    ['reading/marks.ts', 'partition.progress.foundCommit(5)'],
    ['core.ts', 'const state = partition.progress'],
    ['core.ts', 'const { progress: state } = partition'],
    ['partition/era.ts', 'class Era { offset = -1 }'],
    ['partition/era.ts', 'class Era { done: number | undefined }'],
  ])('is not written in %s by %j', (file, text) => {
    expect(stateWriters(folder + file, text).map(({ rule }) => rule)).toEqual(['consumer state'])
  })

  test.each([
    ['reading/delivery.ts', 'owner.progress.hand(0, 1, 0)'],
    ['offsets/commit-entry.ts', 'progress.storedExplicitly(5)'],
    ['core.ts', 'const { offset } = partition.progress.lowestUndone'],
    ['core.ts', 'watchdog.start()'],
    ['partition/era.ts', 'class Era { #offset = -1; readonly ranges = 1 }'],
  ])('is left alone in %s by %j', (file, text) => {
    expect(stateWriters(folder + file, text)).toEqual([])
  })
})

describe('every API of Kafka', () => {
  const tables = readdirSync(`${root}packages/codec/src/api`)
    .filter((name) => /^\d\d-.*\.ts$/.test(name) && !name.endsWith('.test.ts'))
    .map((file) => {
      const text = read(`packages/codec/src/api/${file}`)
      const name = /name: '(\w+)'/.exec(text)?.[1] ?? ''
      const key = Number(/key: (\d+)/.exec(text)?.[1] ?? -1)
      return { file, name, key }
    })

  test('has a table named after its key, and a line in the registry', () => {
    const registry = read('packages/codec/src/api/registry.ts')
    expect(tables.length).toBeGreaterThanOrEqual(80)
    for (const { file, name, key } of tables) {
      expect(file.startsWith(`${String(key).padStart(2, '0')}-`), file).toBe(true)
      expect(registry, file).toContain(`import { ${name} } from './${file}'`)
    }
  })

  test('is either served by the testkit or listed there as unsupported', () => {
    const responded = new Set(handlers.map(({ api }) => api.key))
    const found: string[] = []
    for (const { name, key } of tables) {
      const listed = Object.hasOwn(unsupported, name)
      if (responded.has(key) === listed) found.push(`${name}: ${listed ? 'a handler and unsupported' : 'neither'}`)
    }
    expect(found).toEqual([])
  })

  test('has its handler in the order of the keys', () => {
    const keys = handlers.map(({ api }) => api.key)
    expect(keys).toEqual([...keys].sort((a, b) => a - b))
  })

  test('has its handler in a file of the same name', () => {
    const folder = readdirSync(`${root}packages/testkit/src/handlers`)
    const responded = new Set(handlers.map(({ api }) => api.key))
    expect(tables.filter(({ file, key }) => responded.has(key) && !folder.includes(file))).toEqual([])
  })

  test('is named by no handler that has no table', () => {
    const named = readdirSync(`${root}packages/testkit/src/handlers`).filter((name) => /^\d\d-/.test(name))
    const known = new Set(tables.map(({ file }) => file))
    expect(named.filter((name) => !name.endsWith('.test.ts') && !known.has(name))).toEqual([])
  })
})

describe('tracked files', () => {
  test('name no path of one machine and no package registry', () => {
    const machine = /(^|[\s"'`(=])\/(work|root|home|Users)\/[A-Za-z0-9_.]/m
    const registry = /\bregistry=|\btarball:|\bregistry\.[a-z0-9-]+\.[a-z]{2,}/i
    const found: string[] = []
    for (const path of files) {
      if (path === 'scripts/tidy.test.ts' || /\.(png|jks|p12|bin|gz)$/.test(path)) continue
      read(path)
        .split('\n')
        .forEach((text, index) => {
          if (machine.test(text)) found.push(`${path}:${index + 1} names a path of one machine`)
          if (registry.test(text)) found.push(`${path}:${index + 1} names a package registry`)
        })
    }
    expect(found).toEqual([])
  })

  test('hold no build output', () => {
    expect(files.filter((path) => /(^|\/)(dist|artifacts|node_modules|coverage)\//.test(path))).toEqual([])
  })
})

describe('the rules themselves', () => {
  const strict: FileKind = { throughRuntime: true, test: false, defaultExport: false }
  const rulesIn = (text: string, kind = strict) => inspect('planted.ts', text, kind).map(({ rule }) => rule)

  test.each([
    ['const t = Date.now()', 'runtime'],
    ['const t = new Date()', 'runtime'],
    ['setTimeout(() => {}, 1)', 'runtime'],
    ['globalThis.setTimeout(() => {}, 1)', 'runtime'],
    ['const r = Math.random()', 'runtime'],
    ['const s = AbortSignal.timeout(5)', 'runtime'],
    ["import { connect } from 'node:net'", 'runtime'],
    ["import { setTimeout as wait } from 'node:timers/promises'", 'runtime'],
    ['// biome-ignore lint/style/noRestrictedGlobals: no', 'runtime'],
    ['let x: any', 'types'],
    ['enum A { B }', 'types'],
    ['// @ts-ignore', 'types'],
    ['class A extends B {}', 'composition'],
    ['class A { private x = 1 }', 'composition'],
    ['// FIXME later', 'unfinished'],
    ['export default 1', 'names'],
  ])('find %j', (text, rule) => {
    expect(rulesIn(text)).toContain(rule)
  })

  test.each([
    ['class BrokerError extends Error { readonly #code = 1 }'],
    ['const options = { setTimeout: 1, fetch: 2 }'],
    ['runtime.setTimer(() => {}, 1)'],
    ["import type { ConnectionOptions } from 'node:tls'"],
    ['class Once { private constructor() {} }'],
  ])('leave %j alone', (text) => {
    expect(rulesIn(text)).toEqual([])
  })

  test('find a function of 71 lines, not one of 70', () => {
    const functionOf = (lines: number) => `function f() {\n${'  f()\n'.repeat(lines - 2)}}`
    expect(rulesIn(functionOf(71))).toEqual(['length'])
    expect(rulesIn(functionOf(70))).toEqual([])
    expect(rulesIn(functionOf(71), { ...strict, test: true })).toEqual([])
  })

  test('name every import', () => {
    const text =
      "import a from './a.ts'\nexport { b } from './b.ts'\nexport * from './c.ts'\nconst d = import('./d.ts')"
    expect(importsOf('planted.ts', text).map(({ from }) => from)).toEqual(['./a.ts', './b.ts', './c.ts', './d.ts'])
  })
})
