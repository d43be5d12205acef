import { AlterUserScramCredentials, DescribeUserScramCredentials } from '@ottla/codec'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'
import { createUsers, forgotten, known, passwordOf } from './50-describe-user-scram-credentials.ts'

async function logsIn(
  stage: Stage<typeof AlterUserScramCredentials>,
  name: string,
  password: string,
  mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512' = 'SCRAM-SHA-256',
): Promise<string> {
  try {
    await stage.open({ user: { name, password, mechanism } })
    return 'logged in'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const named = (name: string) => ({ users: [{ name }] })

export const alterUserScramCredentials = conformance(AlterUserScramCredentials, {
  async valid(stage) {
    const [one, two] = [stage.name('one'), stage.name('two')]
    const upsertions = [passwordOf(one, 'first', 1), passwordOf(two, 'strong', 2, 16_384)]
    await stage.ask('creates', { deletions: [], upsertions })
    await known(stage, one, two)
    stage.saw('one logs in', await logsIn(stage, one, 'first'))
    stage.saw('two logs in', await logsIn(stage, two, 'strong', 'SCRAM-SHA-512'))
    stage.saw('not with the other mechanism', await logsIn(stage, two, 'strong'))
    await stage.ask('changes', { deletions: [], upsertions: [passwordOf(one, 'second', 1, 5000)] })
    await stage.until('the change', async () => {
      const { results } = await stage.do(DescribeUserScramCredentials, 0, named(one))
      return results[0]?.credentialInfos[0]?.iterations === 5000
    })
    await stage.note('is changed', DescribeUserScramCredentials, 0, named(one))
    stage.saw('the old password', await logsIn(stage, one, 'first'))
    stage.saw('the new password', await logsIn(stage, one, 'second'))
    const deletions = [
      { name: one, mechanism: 1 },
      { name: two, mechanism: 2 },
    ]
    await stage.ask('deletes', { deletions, upsertions: [] })
    await forgotten(stage, one, two)
    await stage.note('is gone', DescribeUserScramCredentials, 0, named(one))
    stage.saw('and cannot log in', await logsIn(stage, one, 'second'))
    await stage.ask('nothing', { deletions: [], upsertions: [] })
  },

  async invalid(stage) {
    const name = stage.name('u')
    const good = passwordOf(name, 'x')
    const upsertions: Readonly<Record<string, Partial<typeof good>>> = {
      'no name': { name: '' },
      'no such mechanism': { mechanism: 3 as 2 },
      'mechanism 0': { mechanism: 0 as 1 },
      'too few iterations': { iterations: 4095 },
      'too many iterations': { iterations: 16_385 },
      'a negative number': { iterations: -1 },
    }
    for (const [label, change] of Object.entries(upsertions)) {
      await stage.ask(label, { deletions: [], upsertions: [{ ...good, ...change }] })
    }
    const there = { name: 'alice', mechanism: 1 }
    await stage.ask('sets twice', { deletions: [], upsertions: [good, passwordOf(name, 'y', 2)] })
    await stage.ask('sets thrice', { deletions: [], upsertions: [good, good, good] })
    await stage.ask('deletes twice', { deletions: [there, { ...there, mechanism: 2 }], upsertions: [] })
    const alice = passwordOf('alice', 'x')
    await stage.ask('deletes and sets', { deletions: [there], upsertions: [alice] })
    await stage.ask('deletes without a name', { deletions: [{ name: '', mechanism: 1 }], upsertions: [] })
    await stage.ask('deletes another mechanism', { deletions: [{ name: 'alice', mechanism: 7 }], upsertions: [] })
    await stage.ask('wrong once, then right', { deletions: [], upsertions: [{ ...good, iterations: 1 }, good] })
    await stage.note('nothing was done', DescribeUserScramCredentials, 0, { users: [{ name }, { name: 'alice' }] })
  },

  async wrongState(stage) {
    const [stranger, half] = [stage.name('stranger'), stage.name('half')]
    await stage.ask('deletes an unknown user', { deletions: [{ name: stranger, mechanism: 1 }], upsertions: [] })
    await createUsers(stage, half)
    await stage.ask('deletes what it has not', { deletions: [{ name: half, mechanism: 2 }], upsertions: [] })
    const deletions = [
      { name: half, mechanism: 1 },
      { name: stranger, mechanism: 1 },
    ]
    await stage.ask('deletes one of two', { deletions, upsertions: [] })
    await forgotten(stage, half)
    await stage.ask('deletes again', { deletions: [{ name: half, mechanism: 1 }], upsertions: [] })
  },
})
