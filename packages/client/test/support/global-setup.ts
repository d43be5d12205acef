import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import {
  available,
  type KafkaAddresses,
  type ReleaseName,
  type RunningKafka,
  startKafka,
} from '../../../../tools/kafka/index.mjs'
import { shortTimes } from './short-times.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The address at which tests request the shared real Kafka. */
    kafkaControl: string
    /** Why no real Kafka can run here; empty if it can. */
    kafkaMissing: string
  }
}

/** Consumers with a `rack` read from the replica there (KIP-392). */
const rackAware = { 'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector' }

/** `npm run scenarios` runs the tests against older releases, too. */
const release = process.env.OTTLA_KAFKA_RELEASE as ReleaseName | undefined

let starting: Promise<RunningKafka> | undefined

/** The brokers start on the first request of a test, and stop after the run. */
async function respond(path: string, response: ServerResponse): Promise<void> {
  const [, verb = '', id = ''] = path.split('/')
  starting ??= startKafka({
    config: release === undefined ? { ...rackAware, ...shortTimes } : {},
    ...(release && { release }),
  })
  const kafka = await starting
  if (verb === 'stop') await kafka.stop(Number(id))
  if (verb === 'start') await kafka.start(Number(id))
  const { bootstrap, sasl, saslSsl, ssl, wrongHost, ca, otherCa, clientCert, clientKey, dir } = kafka
  const addresses: KafkaAddresses = {
    bootstrap,
    sasl,
    saslSsl,
    ssl,
    wrongHost,
    ca,
    otherCa,
    clientCert,
    clientKey,
    dir,
  }
  response.end(JSON.stringify(addresses))
}

export async function setup(project: TestProject): Promise<void> {
  const can = available(release)
  project.provide('kafkaMissing', can.ok ? '' : can.reason)
  if (!can.ok && process.env.CI === 'true') console.error(`\nkafka: CI=true requires a real Kafka: ${can.reason}\n`)
  const server = createServer((request, response) => {
    respond(request.url ?? '', response).catch((error) => response.writeHead(500).end(String(error?.message ?? error)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  project.provide('kafkaControl', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}

export async function teardown(): Promise<void> {
  const kafka = await starting?.catch(() => undefined)
  await kafka?.close()
}
