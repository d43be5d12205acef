import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { recount } from './recount.ts'
import { runExample, startExample } from './run-example.ts'

describe('npm run demo', () => {
  test('loses a leader and members of its groups, but no record, and its ledger says the same', {
    timeout: 120_000,
  }, async () => {
    const ledger = join(mkdtempSync(join(tmpdir(), 'ottla-demo-')), 'ledger.ndjson')
    const { code, lines, stderr } = await runExample('demo', ['--ledger', ledger])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const { sent, received, lost, duplicated } = recount(ledger)
    expect(sent).toBeGreaterThan(20_000)
    expect(lines.at(-1)).toBe(`sent ${sent} received ${received} lost 0 duplicated 0`)
    expect({ received, lost, duplicated }).toEqual({ received: sent, lost: 0, duplicated: 0 })
    const text = lines.join('\n')
    expect(text).toMatch(/broker \d is killed/)
    expect(text).toMatch(/failover-0: leader (\d), .* -> leader (?!\1)\d/)
    expect(text).toMatch(/group users-group: .*first \[0 1\].* -> /)
    expect(text).toMatch(/20000 records, 50 keys: lost 0, duplicated 0, reordered 0/)
  })

  test.each([
    ['immediately', /a tour of/],
    ['while it reads', /collector {2}\{/],
    ['while a group settles', /second joins/],
    ['while a leader is lost', /is killed: it leads/],
  ])('Ctrl-C %s ends the process', { timeout: 60_000 }, async (_when, moment) => {
    const demo = startExample('demo')
    await demo.seen(moment)
    demo.kill('SIGINT')
    const { code, stderr } = await demo.finished
    expect(stderr).toBe('')
    expect(code).toBe(130)
    expect(() => process.kill(demo.pid, 0)).toThrow('ESRCH')
  })

  test('a wrong option is named, and the usage shown', async () => {
    const { code, stderr } = await runExample('demo', ['--brokrs', 'x:1'])
    expect(code).toBe(2)
    expect(stderr).toContain("'--brokrs'")
    expect(stderr).toContain('--brokers LIST')
  })
})
