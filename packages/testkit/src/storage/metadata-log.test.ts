import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { MetadataDelta } from '../state/metadata-view.ts'
import { MetadataLog } from './metadata-log.ts'

const options = {
  isSynced: false,
  onProblem: (message: string) => {
    throw new Error(message)
  },
}

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'ottla-metadata-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

const delta = (name: string): MetadataDelta => ({ brokerConfigs: new Map([[name, new Map([['a', 'b']])]]) })

describe('MetadataLog', () => {
  test('restores decisions up to a torn line', () => {
    const path = directory()
    const { log, found } = MetadataLog.open(path, options)
    expect(found).toEqual({ deltas: [], producerIdsEnd: 0n })
    log.begin({})
    for (const name of ['1', '2']) log.append(delta(name), () => ({}))
    log.reserveProducerIds(2000n)
    log.append(delta('3'), () => ({}))
    log.close()
    const file = join(path, 'metadata-0000000001.log')
    const whole = readFileSync(file)
    const last = whole.lastIndexOf('\n', whole.length - 2) + 1
    for (let size = last; size < whole.length; size++) {
      writeFileSync(file, whole.subarray(0, size))
      const again = MetadataLog.open(path, options)
      again.log.close()
      expect(again.found).toEqual({ deltas: [{}, delta('1'), delta('2')], producerIdsEnd: 2000n })
    }
  })

  test('rejects a file that is corrupt before its end', () => {
    const path = directory()
    const { log } = MetadataLog.open(path, options)
    log.begin({})
    for (const name of ['1', '2']) log.append(delta(name), () => ({}))
    log.close()
    const file = join(path, 'metadata-0000000001.log')
    const bytes = readFileSync(file)
    bytes[20] = (bytes[20] ?? 0) ^ 1
    writeFileSync(file, bytes)
    expect(() => MetadataLog.open(path, options)).toThrow(`${file} is corrupt at byte 0`)
  })

  test('starts a new file with a snapshot when it is long, and at a restart', () => {
    const path = directory()
    const { log } = MetadataLog.open(path, options)
    log.begin({})
    const long = delta('x'.repeat(300_000))
    for (let i = 0; i < 10; i++) log.append(long, () => delta('all'))
    const files = readdirSync(path)
    expect(files).toEqual(['metadata-0000000003.log'])
    expect(statSync(join(path, String(files[0]))).size).toBeLessThan(1_000_000)
    log.close()
    expect(MetadataLog.open(path, options).found.deltas[0]).toEqual(delta('all'))
  })
})
