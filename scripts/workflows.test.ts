import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(root + path, 'utf8')
const workflows = readdirSync(`${root}.github/workflows`).map((name) => `.github/workflows/${name}`)

/** `uses: OWNER/NAME@HASH # vX.Y.Z` */
const pinned = /^([\w-]+\/[\w./-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$/

describe('hosted workflows', () => {
  test('pin each action by its full commit hash, with the version beside it', () => {
    const uses = workflows.flatMap((path) => [...read(path).matchAll(/\buses: (.*)/g)].map(([, action = '']) => action))
    expect(uses.length).toBeGreaterThan(5)
    expect(uses.filter((action) => !pinned.test(action))).toEqual([])
    const hashes = new Map<string, Set<string>>()
    for (const action of uses) {
      const [, name = '', hash = ''] = pinned.exec(action) ?? []
      hashes.set(name, (hashes.get(name) ?? new Set()).add(hash))
    }
    expect([...hashes].filter(([, each]) => each.size > 1)).toEqual([])
  })

  test('start with read access only', () => {
    for (const path of workflows) expect(read(path), path).toMatch(/^permissions:\n {2}contents: read$/m)
  })

  test('run only commands that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const commands = workflows.flatMap((path) => [...read(path).matchAll(/npm run ([\w:-]+)/g)])
    expect(commands.map(([, name = '']) => name).filter((name) => !(name in scripts))).toEqual([])
  })

  test('run .ci/run on the oldest supported Node.js and newer ones', () => {
    const text = read('.github/workflows/ci.yml')
    expect(text).toContain('bash .ci/run')
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } }
    const oldest = /(\d+)/.exec(engines.node)?.[1]
    expect(text).toContain(`node: [${oldest}, 22, 24]`)
  })
})
