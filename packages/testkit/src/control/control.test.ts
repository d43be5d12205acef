import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { batchOf } from '../../test/support/batches.ts'
import { TopicClient } from '../../test/support/topic-client.ts'
import { createCluster, type TestCluster } from '../cluster/cluster.ts'
import { type HttpListener, listenHttp } from '../network/http.ts'
import { control } from './control.ts'

let cluster: TestCluster
let listener: HttpListener

beforeAll(async () => {
  cluster = await createCluster({ brokers: 2, topics: [{ name: 't', replicationFactor: 2 }], traffic: true })
  listener = await listenHttp(0, (request) => control(cluster, request))
})

beforeEach(() => cluster.reset())

afterAll(async () => {
  await listener.close()
  await cluster.close()
})

/** The fields of responses that tests check. */
interface Body {
  readonly id: number
  readonly error: string
  readonly nowMs: number
  readonly topics: readonly { readonly partitions: readonly { readonly leader: number }[] }[]
  readonly traffic: readonly unknown[]
}

async function send(method: string, path: string, body?: unknown) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(`http://127.0.0.1:${listener.port}${path}`, {
    method,
    ...(text !== undefined && { body: text }),
  })
  return { status: response.status, body: (await response.json()) as Body }
}

const rule = {
  match: { api: 'Produce', topic: 't' },
  trigger: 'always',
  action: { errorAfterWork: 'REQUEST_TIMED_OUT' },
}

test('adds, awaits, lists and removes a fault', async () => {
  const added = await send('POST', '/faults', rule)
  expect(added).toMatchObject({ status: 200, body: { rule, hits: 0 } })
  const { id } = added.body
  const waiting = send('POST', `/faults/${id}/wait`, { hits: 1 })
  const client = await TopicClient.connect(cluster, 't')
  expect((await client.produce(batchOf(['a']))).errorCode).toBe(7)
  expect(await waiting).toEqual({ status: 200, body: { id, rule, hits: 1 } })
  expect((await send('GET', '/faults')).body).toEqual({ faults: [{ id, rule, hits: 1 }] })
  expect((await send('DELETE', `/faults/${id}`)).status).toBe(200)
  expect((await client.produce(batchOf(['a']))).errorCode).toBe(0)
  await send('POST', '/faults', rule)
  await send('DELETE', '/faults')
  expect((await send('GET', '/faults')).body).toEqual({ faults: [] })
})

test('returns traffic with bytes in base64 and numbers in decimal', async () => {
  const client = await TopicClient.connect(cluster, 't')
  let isSeen = false
  const next = send('POST', '/traffic/wait', { match: { api: 'Produce' }, responded: true }).finally(() => {
    isSeen = true
  })
  while (!isSeen) await client.produce(batchOf(['a']))
  expect((await next).body).toMatchObject({ api: 'Produce', outcome: 'responded' })
  const { body } = await send('GET', '/traffic?api=Produce&topic=t&partition=0')
  expect(body.traffic[0]).toMatchObject({
    request: { topicData: [{ partitionData: [{ index: 0, records: expect.stringMatching(/^[A-Za-z0-9+/]+=*$/) }] }] },
    response: { responses: [{ partitionResponses: [{ errorCode: 0, baseOffset: '0' }] }] },
  })
  expect((await send('GET', '/traffic?api=Fetch')).body).toEqual({ traffic: [] })
})

test('advancing the clock expires a broker session immediately', async () => {
  const { leader } = cluster.partition('t', 0)
  expect((await send('POST', `/brokers/${leader}/kill`)).body).toMatchObject({ id: leader, isUp: false })
  const beforeMs = cluster.clock.now()
  const { status, body } = await send('POST', '/clock/advance', { by: '1m' })
  // The advance includes the real time that passes meanwhile, so the shift alone may be less.
  expect([status, body.nowMs - beforeMs >= 60_000]).toEqual([200, true])
  const state = (await send('GET', '/state')).body
  expect(state.topics[0]?.partitions[0]?.leader).toBe(3 - leader)
  expect((await send('POST', `/brokers/${leader}/restart`)).body).toMatchObject({ id: leader, isUp: true })
  expect((await send('POST', '/reset')).status).toBe(200)
  expect((await send('GET', '/health')).body).toMatchObject({ status: 'ok', bootstrap: cluster.bootstrap })
})

describe('an invalid request fails with a message', () => {
  test.each([
    ['POST', '/faults', { match: { api: 'Nonsense' }, action: 'close' }, 400, 'the testkit does not serve "Nonsense"'],
    ['POST', '/faults', { match: { when: 'x' }, action: 'close' }, 400, "'match.when' must be a function"],
    ['POST', '/faults', undefined, 400, 'The fault rule must be an object'],
    ['POST', '/faults', '{', 400, 'The body is not JSON'],
    ['POST', '/faults', `"${'x'.repeat(1 << 20)}"`, 413, 'The body is larger than 1048576 bytes'],
    ['GET', '/faults/99', undefined, 404, 'Fault 99 does not exist'],
    ['GET', '/traffic?nod=1', undefined, 400, "Field 'match' has no field 'nod'"],
    ['GET', '/traffic?node=x', undefined, 400, "Field 'match.node' must be an integer"],
    ['POST', '/traffic/wait', { match: { api: 'Fetch' }, timeoutMs: 1 }, 408, 'No request matched {"api":"Fetch"}'],
    ['POST', '/clock/advance', {}, 400, "Field 'by' is required"],
    ['POST', '/clock/advance', { by: 'soon' }, 400, 'clock.advance: "soon"'],
    ['POST', '/brokers/9/kill', undefined, 404, 'Broker 9 does not exist'],
    ['POST', '/brokers/1/restart', undefined, 409, 'Broker 1 is already up'],
    ['GET', '/reset', undefined, 405, 'Path /reset supports POST, not GET'],
    ['GET', '/nowhere', undefined, 404, 'Path /nowhere does not exist, only /health'],
    ['GET', '/constructor', undefined, 404, 'Path /constructor does not exist'],
  ])('%s %s', async (method, path, body, status, problem) => {
    const response = await send(method, path, body)
    expect(response.status).toBe(status)
    expect(response.body.error).toContain(problem)
  })

  test('a request from a web page', async () => {
    const response = await fetch(`http://127.0.0.1:${listener.port}/health`, {
      headers: { origin: 'http://example.org' },
    })
    expect(response.status).toBe(403)
  })
})
