import { expect, test } from 'vitest'
import { systemRuntime } from '../runtime/node-runtime.ts'
import { SyncRounds } from './sync-rounds.ts'

test('shares one round per turn, and reports a failed sync', async () => {
  const rounds = new SyncRounds(systemRuntime)
  const synced: string[] = []
  const file = (name: string) => ({ sync: async () => void synced.push(name) })
  rounds.mark(file('a'))
  const first = [1, 2, 3].map(() => new Promise<string>((resolve) => rounds.whenSynced(resolve)))
  rounds.mark(file('b'))
  expect(await Promise.all(first)).toEqual(['NONE', 'NONE', 'NONE'])
  expect({ synced, rounds: rounds.roundCount }).toEqual({ synced: ['a', 'b'], rounds: 1 })
  rounds.mark({ sync: () => Promise.reject(new Error('EIO')) })
  expect(await new Promise((resolve) => rounds.whenSynced(resolve))).toBe('KAFKA_STORAGE_ERROR')
})

test('a caller during a round waits for the next round', async () => {
  const rounds = new SyncRounds(systemRuntime)
  let finish = () => {}
  const begun = new Promise<void>((resolve) => {
    const isSynced = new Promise<void>((done) => {
      finish = done
    })
    rounds.mark({
      sync: () => {
        resolve()
        return isSynced
      },
    })
  })
  const inRound = () => new Promise<number>((resolve) => rounds.whenSynced(() => resolve(rounds.roundCount)))
  const first = inRound()
  await begun
  const late = inRound()
  finish()
  expect(await Promise.all([first, late])).toEqual([1, 2])
})
