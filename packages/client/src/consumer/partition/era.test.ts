import { expect, test } from 'vitest'
import { Eras } from './era.ts'

test('an item that a reset made invalid stays so after a later reset to a higher offset', () => {
  const eras = new Eras()
  const era = eras.current
  eras.next('reset', 10)
  eras.next('reset', 20)
  expect([era.ended, era.validBelow]).toEqual(['reset', 10])
  eras.next('sought')
  expect([era.ended, era.validBelow]).toEqual(['sought', 0])
})
