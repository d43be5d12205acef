import { describe, expect, test } from 'vitest'
import { numbers, onShareGroup } from '../support/sharing.ts'

describe('run', () => {
  test('accepts what its handler returns from, and nothing is delivered twice', () =>
    onShareGroup(async (sharing, scenario) => {
      await sharing.produce(20)
      const consumer = sharing.consumer()
      const values: string[] = []
      const running = consumer.run({ each: (job) => void values.push(String(job.value)) })
      await sharing.until(() => values.length === 20)
      await scenario.advance('2s')
      await consumer.close()
      await running
      expect(values).toEqual(numbers(20).map(String))
      const next = sharing.consumer()
      const late: string[] = []
      const again = next.run({ each: (job) => void late.push(String(job.value)) })
      await scenario.advance('60s')
      await next.close()
      await again
      expect(late).toEqual([])
    }))
})
