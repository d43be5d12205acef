import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Kafka } from 'ottla'
import type { Stage } from './lib/stage.ts'
import { startWhenMain } from './lib/start.ts'

/** An HTTP server with a liveness probe, /livez, and a readiness probe, /readyz. */
function probes(kafka: Kafka, isReady: () => boolean) {
  return createServer((request, response) => {
    const { status, parts } = kafka.health()
    const isFine = request.url === '/readyz' ? isReady() : status !== 'unhealthy'
    response.writeHead(isFine ? 200 : 503, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ status, parts }))
  })
}

/** The probes of a consumer: before it has its partitions, while it reads, and while a handler is stuck. */
export async function health(stage: Stage): Promise<void> {
  await stage.createTopics([{ name: 'jobs', partitions: 1 }])
  const topic = stage.named('jobs')
  const { kafka } = stage.app('worker')
  const consumer = kafka.consumer({
    groupId: stage.named('worker'),
    topics: [topic],
    offsetReset: 'earliest',
    maxProcessingMs: 1_000,
    revokeGraceMs: 60_000,
  })
  let isReady = false
  const server = probes(kafka, () => isReady).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const probe = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status
  const show = async (when: string) =>
    stage.say(`${when}: livez ${await probe('/livez')}, readyz ${await probe('/readyz')}`)

  try {
    await show('at the start')
    let finish = () => {}
    const running = consumer.run({
      each: () =>
        new Promise<void>((resolve) => {
          finish = resolve
        }),
    })
    await consumer.ready()
    isReady = true
    await show('with its partitions')
    await stage.app('client').kafka.producer().send({ topic, value: 'a job that hangs' })
    await stage.until('the handler is stuck', async () => (await probe('/livez')) === 503)
    await show('with a handler that is stuck')
    finish()
    await stage.until('the handler has ended', async () => (await probe('/livez')) === 200)
    await show('when it has ended')
    await consumer.close()
    await running
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

startWhenMain('health', 'health: liveness and readiness probes of a consumer', health)
