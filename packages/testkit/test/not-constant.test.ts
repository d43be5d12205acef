import { expect, test } from 'vitest'
import { handlers } from '../src/handlers/registry.ts'
import { rows } from './not-constant/rows.ts'
import { bytesOf, inWorld, responseTo } from './not-constant/world.ts'

const served = handlers.map((entry) => [entry.api.name, entry] as const)

test.each(served)('%s responds to the same bytes according to the state', async (name, { api, maxVersion }) => {
  const row = rows.find((each) => each.api === api)
  if (row === undefined) throw new Error(`${name} has no row in not-constant/rows.ts`)
  const { version = maxVersion, brokers = 1, given = [], change, isOnce = change === undefined } = row
  await inWorld(brokers, async (world) => {
    for (const { make } of given) await make(world)
    const request = bytesOf(api, version, await row.request(world))
    const send = async () => responseTo((await row.on?.(world)) ?? world.stage.wire, api, version, request)
    const before = await send()
    // Without a change the response is the same, so a later difference is due to the change.
    if (!isOnce) expect(await send(), 'sent again').toEqual(before)
    await change?.make(world)
    expect(await send(), change?.name ?? 'the request itself').not.toEqual(before)
  })
})

test('has one row for each API', () => {
  expect(rows.map(({ api }) => api.name).sort()).toEqual(handlers.map(({ api }) => api.name).sort())
})
