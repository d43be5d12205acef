import { expect, test } from 'vitest'
import { handlers } from '../src/handlers/registry.ts'
import { rows } from './not-constant/rows.ts'
import { bytesOf, inWorld, responseTo } from './not-constant/world.ts'

const served = handlers.map((entry) => [entry.api.name, entry] as const)

test.each(served)('%s answers the same bytes by what has happened', async (name, { api, maxVersion }) => {
  const row = rows.find((each) => each.api === api)
  if (row === undefined) throw new Error(`${name} has no row in not-constant/rows.ts`)
  const { version = maxVersion, brokers = 1, given = [], change, isOnce = change === undefined } = row
  await inWorld(brokers, async (world) => {
    for (const { make } of given) await make(world)
    const request = bytesOf(api, version, await row.request(world))
    const ask = async () => responseTo((await row.on?.(world)) ?? world.stage.wire, api, version, request)
    const before = await ask()
    // Nothing has happened: what differs after the change is due to it, and not to chance.
    if (!isOnce) expect(await ask(), 'asked again').toEqual(before)
    await change?.make(world)
    expect(await ask(), change?.name ?? 'the request itself').not.toEqual(before)
  })
})

test('there is one row for each API', () => {
  expect(rows.map(({ api }) => api.name).sort()).toEqual(handlers.map(({ api }) => api.name).sort())
})
