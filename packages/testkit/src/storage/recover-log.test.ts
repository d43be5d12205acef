import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { patchBatch } from '@ottla/codec/records'
import { describe, expect, onTestFinished, test } from 'vitest'
import { batchOf } from '../../test/support/batches.ts'
import { recoverLog } from './recover-log.ts'

function directory(files: Readonly<Record<string, Buffer>>): string {
  const path = mkdtempSync(join(tmpdir(), 'ottla-log-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(path, name), bytes)
  return path
}

/** Batches of one record each, at these offsets. */
function batches(offsets: readonly number[], epoch = 0): Buffer {
  return Buffer.concat(
    offsets.map((offset) => {
      const bytes = batchOf([`v${offset}`], { timestamp: 1_000 })
      patchBatch(bytes, { baseOffset: BigInt(offset), partitionLeaderEpoch: epoch })
      return bytes
    }),
  )
}

const name = (offset: number, suffix = '.log') => `${String(offset).padStart(20, '0')}${suffix}`
const offsetsIn = (path: string) =>
  recoverLog(path, 9).segments.map(({ batches: found }) => found.map(({ baseOffset }) => baseOffset))

describe('recoverLog', () => {
  test('completes a written compaction at any point of its replacement', () => {
    const swap = `${name(0, '')}-${name(20, '.swap')}`
    const old = { [name(0)]: batches([0, 1]), [name(10)]: batches([10, 11]) }
    const compacted = { [swap]: batches([1, 11]), [name(20)]: batches([20]) }
    for (const left of [old, { [name(0)]: batches([0, 1]) }, {}]) {
      const path = directory({ ...compacted, ...left })
      expect(offsetsIn(path)).toEqual([[1, 11], [20]])
      expect(readdirSync(path).sort()).toEqual([name(0), name(20)])
    }
  })

  test('discards a compaction that was not completely written', () => {
    const swap = `${name(0, '')}-${name(20, '.swap')}.tmp`
    const path = directory({ [name(0)]: batches([0, 1]), [name(2)]: batches([2]), [swap]: batches([1]) })
    expect(offsetsIn(path)).toEqual([[0, 1], [2]])
    expect(readdirSync(path)).not.toContain(swap)
  })

  test('truncates at a corrupt batch', () => {
    const harmed = batches([0, 1, 2])
    const size = harmed.length / 3
    harmed[size + 65] = (harmed[size + 65] ?? 0) ^ 4
    const path = directory({ [name(0)]: harmed, [name(3)]: batches([3]) })
    const { cut, logEndOffset } = recoverLog(path, 9)
    expect(cut).toBe(`${join(path, name(0))} truncated at byte ${size}: checksum mismatch`)
    expect(logEndOffset).toBe(1)
    expect(readdirSync(path)).toEqual([name(0)])
    expect(readFileSync(join(path, name(0)))).toEqual(batches([0]))
  })

  test('restores the epochs from batches and from the checkpoint', () => {
    const path = directory({
      [name(5)]: Buffer.concat([batches([5], 1), batches([6], 4)]),
      'leader-epoch-checkpoint': Buffer.from('0\n4\n0 3\n1 4\n2 6\n4 6\n'),
    })
    expect(recoverLog(path, 9).epochs).toEqual([
      { epoch: 0, startOffset: 3 },
      { epoch: 1, startOffset: 4 },
      { epoch: 4, startOffset: 6 },
    ])
  })
})
