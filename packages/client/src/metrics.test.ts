import { describe, expect, test } from 'vitest'
import { KafkaError } from './errors.ts'
import { mostSeries } from './metrics/family.ts'
import { boundsOf, Histogram, quantileOf, sumHistograms } from './metrics/histogram.ts'
import { type HistogramFamily, type MetricFamily, Metrics, type NumberFamily } from './metrics.ts'

function family(metrics: Metrics, name: string): MetricFamily | undefined {
  return metrics.snapshot().families.find((candidate) => candidate.name === name)
}

const numbers = (metrics: Metrics, name: string) => (family(metrics, name) as NumberFamily).series
const histograms = (metrics: Metrics, name: string) => (family(metrics, name) as HistogramFamily).series

describe('metrics', () => {
  test('count, and sum the gauges of one name until they are removed', () => {
    const metrics = new Metrics('shop')
    metrics.counter('requests').add(2)
    metrics.counter('requests').add(3)
    const release = metrics.gauge('consumer.lag', () => 5)
    const other = metrics.gauge('consumer.lag', () => 7)
    expect(metrics.snapshot()).toMatchObject({ counters: { requests: 5 }, gauges: { 'consumer.lag': 12 } })
    expect(numbers(metrics, 'requests')).toEqual([{ labels: { client: 'shop' }, value: 5 }])
    release()
    expect(metrics.snapshot().gauges['consumer.lag']).toBe(7)
    other()
    expect(numbers(metrics, 'consumer.lag')).toEqual([])
  })

  test('report the latencies of an API as upper bounds, over all brokers', () => {
    const metrics = new Metrics()
    for (let i = 0; i < 99; i++) metrics.requests('Produce', 1 + (i % 2)).succeeded(0.9)
    metrics.requests('Produce', 2).succeeded(700)
    metrics.requests('Produce', 2).failed(new KafkaError('REQUEST_TIMED_OUT', 'late'))
    const summary = metrics.snapshot().apis.Produce!
    expect(summary).toMatchObject({ requests: 101, errors: 1, maxMs: 700, p50Ms: 1, p99Ms: 1 })
    metrics.requests('Produce', 2).succeeded(701)
    expect(metrics.snapshot().apis.Produce!.p99Ms).toBe(701)
  })

  test('label requests with the broker, and failures with the code of the error', () => {
    const metrics = new Metrics('shop')
    metrics.requests('Metadata', -3).succeeded(1)
    metrics.requests('Metadata', 7).succeeded(2)
    metrics.requests('Metadata', 7).failed(new KafkaError('REQUEST_TIMED_OUT', 'late'))
    const labels = histograms(metrics, 'requestDurationMs').map(({ labels }) => labels)
    expect(labels).toEqual([
      { client: 'shop', api: 'Metadata', broker: 'bootstrap' },
      { client: 'shop', api: 'Metadata', broker: '7' },
    ])
    expect(numbers(metrics, 'failedRequests')).toEqual([
      { labels: { client: 'shop', api: 'Metadata', broker: '7', code: 'REQUEST_TIMED_OUT' }, value: 1 },
    ])
  })

  test('count what is beyond the largest number of series in a remainder', () => {
    const metrics = new Metrics()
    const topics = Array.from({ length: mostSeries + 5 }, (_, number) => `topic-${number}`)
    for (const topic of topics) metrics.counter('producer.records', { producer: 'p', topic }).add(1)
    const series = numbers(metrics, 'producer.records')
    expect(series.length).toBe(mostSeries + 1)
    expect(series.at(-1)).toEqual({ labels: { client: '', producer: 'p', topic: '(other)' }, value: 5 })
    expect(metrics.snapshot().counters['producer.records']).toBe(topics.length)
  })

  test('fold a series into another one: the sum over all stays', () => {
    const metrics = new Metrics()
    const [from, into] = [
      { producer: 'p', topic: 'idle' },
      { producer: 'p', topic: '(other)' },
    ]
    metrics.counter('producer.records', from).add(3)
    metrics.counter('producer.records', into).add(4)
    metrics.histogram('producer.queueMs', from).record(2)
    metrics.foldCounter('producer.records', from, into)
    metrics.foldHistogram('producer.queueMs', from, into)
    expect(numbers(metrics, 'producer.records').map(({ value }) => value)).toEqual([7])
    expect(histograms(metrics, 'producer.queueMs')).toMatchObject([{ labels: into, sum: 2, count: 1 }])
  })

  test('collect the health reports of the parts', () => {
    const metrics = new Metrics()
    const release = metrics.health(() => ({ kind: 'consumer', name: 'g', healthy: false, details: {} }))
    expect(metrics.healthReports()).toHaveLength(1)
    release()
    expect(metrics.healthReports()).toEqual([])
  })
})

describe('histograms', () => {
  test('count a value in the first bucket whose bound is not below it', () => {
    for (const bounds of Object.values(boundsOf)) {
      const unit = (Object.keys(boundsOf) as (keyof typeof boundsOf)[]).find((name) => boundsOf[name] === bounds)!
      for (const [at, bound] of bounds.entries()) {
        const histogram = new Histogram(unit)
        histogram.record(bound)
        histogram.record(bound * 1.0001)
        const { counts } = histogram.value()
        expect([counts[at], counts[at + 1]], `${unit} ${bound}`).toEqual([1, 1])
      }
    }
  })

  test('of several clients add up to the histogram of all values', () => {
    const values = [0, 0.2, 3, 3, 90, 1e9]
    const all = new Histogram('ms')
    const parts = values.map((value) => {
      const part = new Histogram('ms')
      part.record(value)
      all.record(value)
      return part.value()
    })
    expect(sumHistograms(parts)).toEqual(all.value())
    expect(quantileOf(all.bounds, all.value(), 0.5)).toBe(4)
    expect(quantileOf(all.bounds, all.value(), 1)).toBe(Number.POSITIVE_INFINITY)
    expect(quantileOf(all.bounds, sumHistograms([]), 0.5)).toBe(0)
  })
})
