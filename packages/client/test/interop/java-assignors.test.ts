import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runJava } from '../../../../tools/kafka/index.mjs'
import { resultsOf, stepsOf } from '../support/java-steps.ts'
import { onRealKafka } from '../support/real-target.ts'

const source = fileURLToPath(new URL('./java/AssignorSteps.java', import.meta.url))

/** Of groups that the recorded steps do not have. */
const seed = 20_788

onRealKafka("Java's assignors", () => {
  test('give each member the same partitions as ours, in 2,400 random steps', {
    timeout: 120_000,
  }, async () => {
    const { code, stdout, stderr } = await runJava(source, [String(seed), '150'])
    expect(code, stderr).toBe(0)
    const steps = stepsOf(stdout)
    expect(steps.length).toBeGreaterThan(2_300)
    for (const [i, step] of steps.entries()) {
      const { java, own } = resultsOf(step)
      expect(own, `seed ${seed}, step ${i}: ${JSON.stringify(step)}`).toEqual(java)
    }
  })
})
