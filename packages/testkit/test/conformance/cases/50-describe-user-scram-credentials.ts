import { createHash, pbkdf2Sync } from 'node:crypto'
import { AlterUserScramCredentials, type Api, DescribeUserScramCredentials, errorOf } from '@ottla/codec'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

const hashes = { 1: { name: 'sha256', size: 32 }, 2: { name: 'sha512', size: 64 } } as const
const named = (...names: readonly string[]) => ({ users: names.map((name) => ({ name })) })

/** The fields a client sends to set a password. */
export function passwordOf(name: string, password: string, mechanism: 1 | 2 = 1, iterations = 4096) {
  const salt = createHash('sha256').update(`${name} ${mechanism}`).digest().subarray(0, 16)
  const { name: hash, size } = hashes[mechanism]
  const saltedPassword = pbkdf2Sync(password, salt, iterations, size, hash)
  return { name, mechanism, iterations, salt, saltedPassword }
}

/** Creates users with SCRAM-SHA-256 credentials, and waits until broker 1 has them. */
export async function createUsers<A extends Api>(stage: Stage<A>, ...names: readonly string[]): Promise<void> {
  const upsertions = names.map((name) => passwordOf(name, `${name}-secret`))
  const { results } = await stage.do(AlterUserScramCredentials, 0, { deletions: [], upsertions })
  const problem = results.find(({ errorCode }) => errorCode !== 0)
  if (problem !== undefined) throw new Error(`${problem.user}: ${errorOf(problem.errorCode).name}`)
  await known(stage, ...names)
}

/** Waits until broker 1 has the users. */
export async function known<A extends Api>(stage: Stage<A>, ...names: readonly string[]): Promise<void> {
  await stage.until(`users ${names.join(', ')}`, async () => {
    const { results } = await stage.do(DescribeUserScramCredentials, 0, named(...names))
    return results.every(({ errorCode }) => errorCode === 0)
  })
}

/** Waits until broker 1 no longer has the users. */
export async function forgotten<A extends Api>(stage: Stage<A>, ...names: readonly string[]): Promise<void> {
  await stage.until(`no users ${names.join(', ')}`, async () => {
    const { results } = await stage.do(DescribeUserScramCredentials, 0, named(...names))
    return results.every(({ errorCode }) => errorCode !== 0)
  })
}

export async function deleteUsers<A extends Api>(stage: Stage<A>, ...names: readonly string[]): Promise<void> {
  const deletions = names.map((name) => ({ name, mechanism: 1 }))
  await stage.do(AlterUserScramCredentials, 0, { deletions, upsertions: [] })
}

export const describeUserScramCredentials = conformance(DescribeUserScramCredentials, {
  async valid(stage) {
    const [one, both] = [stage.name('one'), stage.name('both')]
    await createUsers(stage, one, both)
    const upsertions = [passwordOf(both, 'other', 2, 8192)]
    await stage.do(AlterUserScramCredentials, 0, { deletions: [], upsertions })
    await stage.until('two credentials', async () => {
      const { results } = await stage.do(DescribeUserScramCredentials, 0, named(both))
      return results[0]?.credentialInfos.length === 2
    })
    await stage.ask('one', named(one))
    await stage.ask('both', named(both, one))
    await stage.ask('of the start', named('alice'))
    for (const users of [null, []]) {
      const { errorCode, results } = await stage.do(DescribeUserScramCredentials, 0, { users })
      const ours = results.filter(({ user }) => user === one || user === both)
      stage.saw(`all: ${JSON.stringify(users)}`, { errorCode, ours })
    }
    await stage.do(AlterUserScramCredentials, 0, { deletions: [{ name: both, mechanism: 2 }], upsertions: [] })
    await deleteUsers(stage, one, both)
  },

  async invalid(stage) {
    await stage.ask('twice', named('alice', 'alice'))
    await stage.ask('twice one that is not there', named(stage.name('stranger'), stage.name('stranger'), 'alice'))
    await stage.ask('no name', named(''))
  },

  async wrongState(stage) {
    const gone = stage.name('gone')
    await stage.ask('not there yet', named(gone))
    await createUsers(stage, gone)
    await stage.ask('there', named(gone))
    await deleteUsers(stage, gone)
    await forgotten(stage, gone)
    await stage.ask('gone', named(gone))
  },
})
