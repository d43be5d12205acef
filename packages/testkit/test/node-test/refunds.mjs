// Run by `node --test` in node-test.test.ts, with the built package.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { useCluster } from '@ottla/testkit/node-test'

const own = useCluster({ topics: [{ name: 'refunds' }] })
const seen = new Set()

for (const round of ['first', 'second']) {
  test(`has its own cluster:  ${round}`, async () => {
    assert.equal(seen.has(own()), false)
    seen.add(own())
    assert.deepEqual(own().topics(), ['refunds'])
    await own().createTopic({ name: own.uniqueName('more') })
    assert.deepEqual(own().topics(), ['refunds', 'more-1'])
  })
}

describe('a file of tests', () => {
  const shared = useCluster({ topics: [{ name: 'orders' }], scope: 'file' })
  for (const round of ['first', 'second']) {
    test(`shares a cluster that is emptied again:  ${round}`, async () => {
      assert.deepEqual(shared().topics(), ['orders'])
      await shared().createTopic({ name: 'more' })
    })
  }
})

if (process.env.OTTLA_FAILS === 'true') {
  test('fails, and prints the last requests', () => {
    assert.equal(own().topics().length, 7)
  })
}
