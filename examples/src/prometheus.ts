import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createCluster } from '@ottla/testkit'
import { Kafka, type MetricFamily, type MetricLabels, type MetricsSnapshot } from 'ottla'

// A client of Prometheus would count everything again from single observations; the buckets of the snapshot are exported as they are.

/** The metrics of a client in the text format of Prometheus. Times are in seconds there. */
export function prometheusText({ families }: MetricsSnapshot): string {
  return families
    .filter(({ series }) => series.length > 0)
    .map(textOf)
    .join('')
}

function textOf(family: MetricFamily): string {
  const name = nameOf(family)
  const perUnit = family.unit === 'ms' ? 1_000 : 1
  const lines = [`# HELP ${name} ${family.help}`, `# TYPE ${name} ${family.type}`]
  if (family.type !== 'histogram') {
    for (const { labels, value } of family.series) lines.push(`${name}${labelsOf(labels)} ${value / perUnit}`)
  } else {
    for (const { labels, counts, sum, count } of family.series) {
      let upTo = 0
      for (const [at, bound] of family.bounds.entries()) {
        upTo += counts[at] ?? 0
        lines.push(`${name}_bucket${labelsOf({ ...labels, le: String(bound / perUnit) })} ${upTo}`)
      }
      lines.push(`${name}_bucket${labelsOf({ ...labels, le: '+Inf' })} ${count}`)
      lines.push(`${name}_sum${labelsOf(labels)} ${sum / perUnit}`, `${name}_count${labelsOf(labels)} ${count}`)
    }
  }
  return `${lines.join('\n')}\n`
}

/** producer.queueMs becomes ottla_producer_queue_seconds, bytesSent ottla_bytes_sent_total. */
function nameOf({ name, unit, type }: MetricFamily): string {
  const words = name.replace(/Ms$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return `ottla_${words.replace('.', '_')}${unit === 'ms' ? '_seconds' : ''}${type === 'counter' ? '_total' : ''}`
}

function labelsOf(labels: MetricLabels): string {
  const escaped = (value: string) => value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return `{${pairs.join(',')}}`
}

/** Sends some records, and prints what a scrape of this process returns. */
async function main(): Promise<void> {
  await using cluster = await createCluster({ brokers: 1, topics: [{ name: 'payments', partitions: 2 }] })
  await using kafka = new Kafka({ clientId: 'billing', brokers: cluster.bootstrap, runtime: cluster.runtime })
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8').end(prometheusText(kafka.metrics()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const producer = kafka.producer({ compression: 'gzip' })
  await producer.send(Array.from({ length: 100 }, (_, i) => ({ topic: 'payments', key: `user-${i}`, value: '12.50' })))
  const { port } = server.address() as AddressInfo
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: 'close' } })
  console.log((await response.text()).trimEnd())
  await new Promise((resolve) => server.close(resolve))
}

await main()
