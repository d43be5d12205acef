// The last line of a test run: `N passed, N failed`, and `, N skipped` when tests were skipped.
import { writeFileSync } from 'node:fs'

export default class TallyReporter {
  /**
   * @param {ReadonlyArray<import('vitest/node').TestModule>} modules
   * @param {ReadonlyArray<unknown>} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 }
    for (const module of modules) {
      for (const test of module.children.allTests()) counts[test.result().state]++
      // A file that cannot be loaded holds no tests: it must count all the same.
      counts.failed += module.errors().length > 0 ? 1 : 0
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length > 0 ? 1 : 0
    }
    // A test that never ended has not passed.
    counts.failed += counts.pending
    const line = `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`
    console.log(line)
    if (process.env.OTTLA_TALLY_FILE) writeFileSync(process.env.OTTLA_TALLY_FILE, JSON.stringify(counts))
  }
}
