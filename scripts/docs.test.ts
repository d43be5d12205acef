import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { consumerOptions } from '../packages/client/src/consumer/options.ts'
import { clientErrorCodes } from '../packages/client/src/errors.ts'
import { catalog } from '../packages/client/src/metrics/catalog.ts'
import { kafkaOptions } from '../packages/client/src/options.ts'
import { producerOptions } from '../packages/client/src/producer/options.ts'
import { shareConsumerOptions } from '../packages/client/src/share/options.ts'
import { optionsOf, optionsPage, sections } from './lib/option-docs.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md'))

describe('the documentation', () => {
  test('lists every option as the code describes it (fix with `npm run docs:options`)', () => {
    expect(readFileSync(join(root, 'docs/configuration.md'), 'utf8')).toBe(optionsPage())
  })

  test('describes every option', () => {
    const options = sections.flatMap((section) => optionsOf(section))
    expect(options.length).toBeGreaterThan(60)
    expect(options.filter(({ text }) => text === '').map(({ name }) => name)).toEqual([])
  })

  test('explains every error code of the client', () => {
    const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')
    expect(clientErrorCodes.length).toBeGreaterThan(20)
    expect(clientErrorCodes.filter((code) => !page.includes(`\`${code}\``))).toEqual([])
  })

  test('explains every metric of the client, with its labels', () => {
    const rows = readFileSync(join(root, 'docs/observability.md'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `'))
    expect(Object.keys(catalog).length).toBeGreaterThan(30)
    const lacking = Object.entries(catalog).filter(([name, { labels }]) => {
      const row = rows.find((line) => line.includes(`\`${name}\``))
      return row === undefined || labels.some((label) => !row.includes(`\`${label}\``))
    })
    expect(lacking.map(([name]) => name)).toEqual([])
  })

  test.each(pages)('%s links to files and headings that exist', (page) => {
    const found: string[] = []
    const text = readFileSync(join(root, page), 'utf8')
    for (const [, link = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue
      const [path = '', heading] = link.split('#')
      const target = path === '' ? join(root, page) : join(root, dirname(page), path)
      if (!existsSync(target)) found.push(link)
      else if (heading !== undefined && !headingsOf(readFileSync(target, 'utf8')).includes(heading)) found.push(link)
    }
    expect(found).toEqual([])
  })
})

describe('the map of the code', () => {
  const folders = ['runtime', 'codec', 'client', 'testkit'].map((name) => `packages/${name}/src`)
  const sources = folders.flatMap((folder) => filesIn(folder))

  test('names only files that exist', () => {
    const text = readFileSync(join(root, 'docs/ARCHITECTURE.md'), 'utf8')
    const named = [...text.matchAll(/`((?:\.\.\/)?[\w/-]+\.ts)`/g)].map(([, path = '']) => path.replace('../', ''))
    expect(named.length).toBeGreaterThan(60)
    const missing = named.filter((path) => {
      // `NN-name.ts` and `x.ts` are placeholders.
      if (/\bNN-name\.ts$|^x\./.test(path)) return false
      const wanted = path.replace(/^(runtime|codec|client|testkit)\//, 'packages/$1/')
      return (
        !sources.some((source) => source === wanted || source.endsWith(`/${path}`)) && !existsSync(join(root, path))
      )
    })
    expect(missing).toEqual([])
  })
})

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`)
}

const tables = {
  KafkaOptions: kafkaOptions,
  ProducerOptions: producerOptions,
  ConsumerOptions: consumerOptions,
  ShareConsumerOptions: shareConsumerOptions,
}

describe.each(Object.entries(tables))('%s', (name, table) => {
  const section = sections.find((each) => each.name === name)
  if (section === undefined) throw new Error(`no section of ${name}`)
  const documented = optionsOf(section)

  test('has the options that the table of defaults has', () => {
    expect(documented.map((option) => option.name).sort()).toEqual(Object.keys(table).sort())
  })

  test('states the default that the table has', () => {
    for (const option of documented) {
      const rule: { default: unknown } | undefined = Object.entries(table).find(([key]) => key === option.name)?.[1]
      const stated = /Default:? ('[^']*'|\d+(?: \d{3})*(?: [KM]iB)?|true|false)/.exec(option.text)?.[1]
      if (stated !== undefined && rule?.default !== undefined)
        expect(defaultOf(stated), option.name).toEqual(rule.default)
    }
  })
})

function defaultOf(stated: string): unknown {
  if (stated.startsWith("'")) return stated.slice(1, -1)
  if (stated === 'true' || stated === 'false') return stated === 'true'
  const unit = stated.endsWith('MiB') ? 1 << 20 : stated.endsWith('KiB') ? 1 << 10 : 1
  return Number(stated.replace(/[^\d]/g, '')) * unit
}

/** As GitHub names the anchors of headings. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
