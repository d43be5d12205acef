import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
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

/** The fields of answers that tests look into. */
interface Told {
  readonly id: number
  readonly error: string
  readonly nowMs: number
  readonly topics: readonly { readonly partitions: readonly { readonly leader: number }[] }[]
  readonly traffic: readonly unknown[]
}

async function ask(method: string, path: string, body?: unknown) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(`http://127.0.0.1:${listener.port}${path}`, {
    method,
    ...(text !== undefined && { body: text }),
  })
  return { status: response.status, body: (await response.json()) as Told }
}

const rule = {
  match: { api: 'Produce', topic: 't' },
  trigger: 'always',
  action: { errorAfterWork: 'REQUEST_TIMED_OUT' },
}

it('a fault is added, awaited, listed and removed', async () => {
  const added = await ask('POST', '/faults', rule)
  expect(added).toMatchObject({ status: 200, body: { rule, hits: 0 } })
  const { id } = added.body
  const waiting = ask('POST', `/faults/${id}/wait`, { hits: 1 })
  const client = await TopicClient.connect(cluster, 't')
  expect((await client.produce(batchOf(['a']))).errorCode).toBe(7)
  expect(await waiting).toEqual({ status: 200, body: { id, rule, hits: 1 } })
  expect((await ask('GET', '/faults')).body).toEqual({ faults: [{ id, rule, hits: 1 }] })
  expect((await ask('DELETE', `/faults/${id}`)).status).toBe(200)
  expect((await client.produce(batchOf(['a']))).errorCode).toBe(0)
  await ask('POST', '/faults', rule)
  await ask('DELETE', '/faults')
  expect((await ask('GET', '/faults')).body).toEqual({ faults: [] })
})

it('traffic is told with its bytes in base64 and its numbers in decimal', async () => {
  const client = await TopicClient.connect(cluster, 't')
  let isSeen = false
  const coming = ask('POST', '/traffic/wait', { match: { api: 'Produce' }, responded: true }).finally(() => {
    isSeen = true
  })
  while (!isSeen) await client.produce(batchOf(['a']))
  expect((await coming).body).toMatchObject({ api: 'Produce', outcome: 'responded' })
  const { body } = await ask('GET', '/traffic?api=Produce&topic=t&partition=0')
  expect(body.traffic[0]).toMatchObject({
    request: { topicData: [{ partitionData: [{ index: 0, records: expect.stringMatching(/^[A-Za-z0-9+/]+=*$/) }] }] },
    response: { responses: [{ partitionResponses: [{ errorCode: 0, baseOffset: '0' }] }] },
  })
  expect((await ask('GET', '/traffic?api=Fetch')).body).toEqual({ traffic: [] })
})

it('a session is over at once when the clock advances', async () => {
  const { leader } = cluster.partition('t', 0)
  expect((await ask('POST', `/brokers/${leader}/kill`)).body).toMatchObject({ id: leader, isUp: false })
  const beforeMs = cluster.clock.now()
  const { status, body } = await ask('POST', '/clock/advance', { by: '1m' })
  // Real time that passes meanwhile is a part of it, so the shift alone may be less.
  expect([status, body.nowMs - beforeMs >= 60_000]).toEqual([200, true])
  const state = (await ask('GET', '/state')).body
  expect(state.topics[0]?.partitions[0]?.leader).toBe(3 - leader)
  expect((await ask('POST', `/brokers/${leader}/restart`)).body).toMatchObject({ id: leader, isUp: true })
  expect((await ask('POST', '/reset')).status).toBe(200)
  expect((await ask('GET', '/health')).body).toMatchObject({ status: 'ok', bootstrap: cluster.bootstrap })
})

describe('what is wrong is said', () => {
  it.each([
    ['POST', '/faults', { match: { api: 'Nonsense' }, action: 'close' }, 400, 'the testkit serves no "Nonsense"'],
    ['POST', '/faults', { match: { when: 'x' }, action: 'close' }, 400, 'match.when is not a function'],
    ['POST', '/faults', undefined, 400, 'the rule: undefined is not an object'],
    ['POST', '/faults', '{', 400, 'The body is not JSON'],
    ['POST', '/faults', `"${'x'.repeat(1 << 20)}"`, 413, 'The body is larger than 1048576 bytes'],
    ['GET', '/faults/99', undefined, 404, 'there is no fault 99'],
    ['GET', '/traffic?nod=1', undefined, 400, 'match has no nod'],
    ['GET', '/traffic?node=x', undefined, 400, 'match.node'],
    [
      'POST',
      '/traffic/wait',
      { match: { api: 'Fetch' }, timeoutMs: 1 },
      408,
      'no request like {"api":"Fetch"} was seen',
    ],
    ['POST', '/clock/advance', {}, 400, 'give the time to advance by'],
    ['POST', '/clock/advance', { by: 'soon' }, 400, 'clock.advance: "soon"'],
    ['POST', '/brokers/9/kill', undefined, 404, 'there is no broker 9'],
    ['POST', '/brokers/1/restart', undefined, 409, 'broker 1 is up already'],
    ['GET', '/reset', undefined, 405, '/reset takes POST, not GET'],
    ['GET', '/nowhere', undefined, 404, 'there is no /nowhere, only /health'],
    ['GET', '/constructor', undefined, 404, 'there is no /constructor'],
  ])('%s %s', async (method, path, body, status, problem) => {
    const response = await ask(method, path, body)
    expect(response.status).toBe(status)
    expect(response.body.error).toContain(problem)
  })

  it('to pages of a browser', async () => {
    const response = await fetch(`http://127.0.0.1:${listener.port}/health`, {
      headers: { origin: 'http://example.org' },
    })
    expect(response.status).toBe(403)
  })
})
