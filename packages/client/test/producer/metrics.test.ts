import { expect, test } from 'vitest'
import { type HistogramFamily, type Kafka, type NumberFamily, quantileOf, sumHistograms } from '../../src/index.ts'
import { onTestkit } from '../support/on-testkit.ts'
import { failure } from '../support/settled.ts'

function familyOf(kafka: Kafka, name: string) {
  return kafka.metrics().families.find((family) => family.name === name)
}

/** The values of a counter or gauge by one of its labels. */
function valuesBy(kafka: Kafka, name: string, label: string): Record<string, number> {
  const { series } = familyOf(kafka, name) as NumberFamily
  return Object.fromEntries(series.map(({ labels, value }) => [labels[label], value]))
}

const histogramOf = (kafka: Kafka, name: string) => familyOf(kafka, name) as HistogramFamily

test('records, batches and failures are counted by client, producer and topic', () =>
  onTestkit({ topics: { t: 1, u: 1 } }, async ({ kafka, fault }) => {
    const producer = kafka.producer()
    await producer.send([
      { topic: 't', value: 'a' },
      { topic: 't', value: 'b' },
      { topic: 'u', value: 'c' },
    ])
    fault('Produce', { error: 'NOT_ENOUGH_REPLICAS' }, { times: 1 })
    await producer.send({ topic: 'u', value: 'd' })
    fault('Produce', { error: 'POLICY_VIOLATION' }, { times: 1 })
    await failure(producer.send({ topic: 'u', value: 'e' }))
    expect(valuesBy(kafka, 'producer.records', 'topic')).toEqual({ t: 2, u: 2 })
    expect(valuesBy(kafka, 'producer.batches', 'topic')).toEqual({ t: 1, u: 4 })
    expect(valuesBy(kafka, 'producer.retries', 'topic')).toEqual({ t: 0, u: 1 })
    expect(valuesBy(kafka, 'producer.failedRecords', 'code')).toEqual({ POLICY_VIOLATION: 1 })
    expect(valuesBy(kafka, 'producer.records', 'client')).toEqual({ 'under-test': 2 })
    expect(valuesBy(kafka, 'producer.requests', 'producer')).toEqual({ 'under-test-1': 5 })
    expect(kafka.metrics().counters).toMatchObject({ 'producer.records': 4, 'producer.failedRecords': 1 })
  }))

test('queue times, sizes and compression ratios are histograms of the batches', () =>
  onTestkit({}, async ({ kafka }) => {
    const producer = kafka.producer({ compression: 'gzip', lingerMs: 100 })
    await producer.send(Array.from({ length: 50 }, () => ({ topic: 't', value: 'the same again'.repeat(10) })))
    const median = (name: string) => {
      const { bounds, series } = histogramOf(kafka, name)
      return quantileOf(bounds, sumHistograms(series), 0.5)
    }
    expect(median('producer.queueMs')).toBe(128)
    expect(median('producer.batchRecords')).toBe(64)
    expect(median('producer.batchBytes')).toBeLessThan(1_024)
    expect(median('producer.compressionRatio')).toBeGreaterThan(5)
    expect(median('producer.deliveryMs')).toBeGreaterThanOrEqual(128)
    const plain = kafka.producer()
    await plain.send({ topic: 't', value: 'a' })
    expect(sumHistograms(histogramOf(kafka, 'producer.compressionRatio').series).count).toBe(1)
    expect(sumHistograms(histogramOf(kafka, 'producer.batchRecords').series)).toMatchObject({ count: 2, sum: 51 })
  }))

test('latencies of requests are histograms by API and broker', () =>
  onTestkit({ brokers: 2 }, async ({ kafka, fault }) => {
    fault('Produce', { delay: '70ms' })
    await kafka.producer().send({ topic: 't', value: 'a' })
    const { series, bounds } = histogramOf(kafka, 'requestDurationMs')
    const produce = series.filter(({ labels }) => labels.api === 'Produce')
    expect(produce.map(({ labels }) => labels)).toEqual([
      { client: 'under-test', api: 'Produce', broker: expect.stringMatching(/^[12]$/) },
    ])
    expect(quantileOf(bounds, produce[0]!, 0.99)).toBe(128)
    expect(series.some(({ labels }) => labels.broker === 'bootstrap')).toBe(true)
  }))

test('the series of idle topics and closed producers become part of a remainder, and no sum decreases', () =>
  onTestkit({ topics: { t: 1, u: 1 } }, async ({ kafka, advance }) => {
    const producer = kafka.producer()
    await producer.send([
      { topic: 't', value: 'a' },
      { topic: 'u', value: 'b' },
    ])
    await failure(producer.send({ topic: 'missing', value: 'x' }))
    expect(valuesBy(kafka, 'producer.records', 'topic')).toEqual({ t: 1, u: 1, '(other)': 0 })
    expect(valuesBy(kafka, 'producer.failedRecords', 'topic')).toEqual({ '(other)': 1 })
    await advance('4m')
    await producer.send({ topic: 'u', value: 'c' })
    await advance('2m')
    expect(valuesBy(kafka, 'producer.records', 'topic')).toEqual({ u: 2, '(other)': 1 })
    const { series } = histogramOf(kafka, 'producer.batchRecords')
    expect(series.map(({ labels }) => labels.topic).sort()).toEqual(['(other)', 'u'])
    await producer.send({ topic: 't', value: 'd' })
    expect(valuesBy(kafka, 'producer.records', 'topic')).toEqual({ u: 2, '(other)': 1, t: 1 })
    await producer.close()
    expect(valuesBy(kafka, 'producer.records', 'producer')).toEqual({ '(closed)': 1 })
    expect(valuesBy(kafka, 'producer.requests', 'producer')).toEqual({ '(closed)': expect.any(Number) })
    expect(valuesBy(kafka, 'producer.bufferedBytes', 'producer')).toEqual({})
    expect(kafka.metrics().counters).toMatchObject({ 'producer.records': 4, 'producer.failedRecords': 1 })
    expect(sumHistograms(histogramOf(kafka, 'producer.batchRecords').series)).toMatchObject({ count: 4, sum: 4 })
  }))
