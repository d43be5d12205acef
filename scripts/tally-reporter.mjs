// The end of a test run: why tests were skipped, then `N passed, N failed`, with `, N skipped` when tests were skipped.
import { writeFileSync } from 'node:fs'

export default class TallyReporter {
  /**
   * @param {ReadonlyArray<import('vitest/node').TestModule>} modules
   * @param {ReadonlyArray<unknown>} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 }
    /** @type {Map<string, number>} */
    const reasons = new Map()
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const result = test.result()
        counts[result.state]++
        if (result.state !== 'skipped') continue
        const reason = result.note || test.meta().skipReason || 'not selected, or skipped without a reason'
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      }
      // A file that cannot be loaded holds no tests, and must count nevertheless.
      counts.failed += module.errors().length > 0 ? 1 : 0
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length > 0 ? 1 : 0
    }
    // A test that never ended has not passed.
    counts.failed += counts.pending
    for (const [reason, count] of reasons) console.log(`${count} skipped: ${reason}`)
    const line = `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`
    console.log(line)
    if (process.env.OTTLA_TALLY_FILE) writeFileSync(process.env.OTTLA_TALLY_FILE, JSON.stringify(counts))
  }
}
