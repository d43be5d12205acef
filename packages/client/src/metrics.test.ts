import { describe, expect, test } from 'vitest'
import { Metrics } from './metrics.ts'

describe('metrics', () => {
  test('count, and sum the gauges of one name until they are removed', () => {
    const metrics = new Metrics()
    metrics.counter('requests').add(2)
    metrics.counter('requests').add(3)
    const release = metrics.gauge('lag', () => 5)
    const other = metrics.gauge('lag', () => 7)
    expect(metrics.snapshot()).toMatchObject({ counters: { requests: 5 }, gauges: { lag: 12 } })
    release()
    expect(metrics.snapshot().gauges.lag).toBe(7)
    other()
    expect('lag' in metrics.snapshot().gauges).toBe(false)
  })

  test('report the latencies of an API as upper bounds', () => {
    const metrics = new Metrics()
    const times = metrics.api('Produce')
    for (let i = 0; i < 99; i++) times.succeeded(0.9)
    times.succeeded(700)
    times.failed()
    const summary = metrics.snapshot().apis.Produce!
    expect(summary).toMatchObject({ requests: 101, errors: 1, maxMs: 700, p50Ms: 1, p99Ms: 1 })
    times.succeeded(701)
    expect(metrics.snapshot().apis.Produce!.p99Ms).toBe(701)
  })

  test('accept the names of built-in properties', () => {
    const metrics = new Metrics()
    metrics.counter('__proto__').add(1)
    metrics.counter('constructor').add(1)
    expect(Object.keys(metrics.snapshot().counters)).toEqual(['__proto__', 'constructor'])
  })

  test('collect the health reports of the parts', () => {
    const metrics = new Metrics()
    const release = metrics.health(() => ({ kind: 'consumer', name: 'g', healthy: false, details: {} }))
    expect(metrics.healthReports()).toHaveLength(1)
    release()
    expect(metrics.healthReports()).toEqual([])
  })
})
