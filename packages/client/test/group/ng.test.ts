import { expect, test } from 'vitest'
import { onTestkit } from '../support/on-testkit.ts'

test('two members share', () =>
  onTestkit({ topics: { t: 4 } }, async (scenario) => {
    const producer = scenario.kafka.producer()
    for (let i = 0; i < 40; i++) await producer.send({ topic: 't', partition: i % 4, value: `${i}` })
    const got: string[] = []
    const a = scenario.kafka.consumer({ groupId: 'g', topics: 't', protocol: 'consumer', offsetReset: 'earliest' })
    const b = scenario.kafka.consumer({ groupId: 'g', topics: 't', protocol: 'consumer', offsetReset: 'earliest' })
    a.on('rebalanced', (i) => console.log(scenario.nowMs, 'a', JSON.stringify(i)))
    b.on('rebalanced', (i) => console.log(scenario.nowMs, 'b', JSON.stringify(i)))
    const ra = a.run({ each: async (m) => void got.push(`a${m.value}`) })
    await scenario.advance('3s')
    console.log(got.length)
    const rb = b.run({ each: async (m) => void got.push(`b${m.value}`) })
    await scenario.advance('20s')
    for (let i = 0; i < 40; i++) await producer.send({ topic: 't', partition: i % 4, value: `x${i}` })
    await scenario.advance('3s')
    console.log(got.length, got.join(' '))
    await a.close()
    await scenario.advance('20s')
    await b.close()
    await Promise.all([ra, rb])
    expect(got.length).toBe(80)
  }))
