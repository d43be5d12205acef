import { describe, expect, test } from 'vitest'
import { kafkaBrokerConfigs, kafkaGroupConfigs } from './config-table.ts'
import { shown, valueProblem } from './config-values.ts'

describe('a value as Kafka returns it', () => {
  test.each([
    ['boolean', ' TRUE ', 'true'],
    ['int', '+5', '5'],
    ['long', ' 9223372036854775807 ', '9223372036854775807'],
    ['double', '1e-1', '0.1'],
    ['double', '2', '2.0'],
    ['double', '1.7976931348623157E308', '1.7976931348623157E308'],
    ['list', ' a, b,a ', 'a,b'],
    ['string', ' x ', 'x'],
  ] as const)('formats %s %j', (type, value, text) => expect(shown(type, value)).toBe(text))
})

describe("Kafka's config table", () => {
  test('has every default within its own limits', () => {
    const wrong = [...kafkaBrokerConfigs().values(), ...kafkaGroupConfigs().values()].flatMap((key) => {
      const { name, defaultValue, type } = key
      if (typeof defaultValue !== 'string' || type === 'class') return []
      return valueProblem(name, key, defaultValue) ?? []
    })
    expect(wrong).toEqual([])
    expect(kafkaBrokerConfigs().size).toBeGreaterThan(300)
  })
})
