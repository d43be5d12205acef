import type { TestCluster } from '../cluster/cluster.ts'
import type { FaultRule, RequestMatch } from '../faults/rule.ts'
import type { HttpRequest, HttpResponse } from '../network/http.ts'
import type { Duration } from '../runtime/clock.ts'

/** What is asked for makes no sense; the text says why. */
class BadRequest extends Error {
  readonly status: number

  constructor(message: string, status = 400) {
    super(message)
    this.status = status
  }
}

type Route = (cluster: TestCluster, request: HttpRequest, number: number) => unknown

/** The number in a path, of a fault or a broker, stands as N. */
const routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  '/health': {
    GET: (cluster) => ({ status: 'ok', bootstrap: cluster.bootstrap, brokers: cluster.state().brokers }),
  },
  '/faults': {
    GET: (cluster) => ({ faults: cluster.faults.list() }),
    POST: (cluster, { body }) => cluster.faults.add(body as FaultRule),
    DELETE: (cluster) => {
      cluster.faults.clear()
      return {}
    },
  },
  '/faults/N': {
    GET: (cluster, _, id) => faultOf(cluster, id),
    DELETE: (cluster, _, id) => {
      faultOf(cluster, id).remove()
      return {}
    },
  },
  '/faults/N/wait': {
    POST: async (cluster, { body }, id) => {
      const fault = faultOf(cluster, id)
      const { hits = 1, timeoutMs = 5_000 } = fieldsOf(body, 'hits', 'timeoutMs')
      await inTime(fault.wait(integer('hits', hits), { timeoutMs: integer('timeoutMs', timeoutMs) }))
      return fault
    },
  },
  '/traffic': {
    GET: (cluster, { query }) => ({ traffic: cluster.saw(matchOf(query)) }),
  },
  '/traffic/wait': {
    POST: async (cluster, { body }) => {
      const { match = {}, timeoutMs = 5_000, responded = false } = fieldsOf(body, 'match', 'timeoutMs', 'responded')
      if (typeof responded !== 'boolean') throw new BadRequest('answered is not true or false')
      const options = { timeoutMs: integer('timeoutMs', timeoutMs), responded }
      return inTime(cluster.awaitTraffic(match as RequestMatch, options))
    },
  },
  '/state': { GET: (cluster) => cluster.state() },
  '/clock/advance': {
    POST: async (cluster, { body }) => {
      const { by } = fieldsOf(body, 'by')
      if (by === undefined) throw new BadRequest('give the time to advance by: {"by":"45s"} or {"by":45000}')
      await cluster.clock.advance(by as Duration)
      return { nowMs: cluster.clock.now(), shiftMs: cluster.clock.shiftMs }
    },
  },
  '/brokers/N/kill': {
    POST: async (cluster, _, id) => {
      await brokerOf(cluster, id).kill()
      return cluster.state().brokers[id - 1]
    },
  },
  '/brokers/N/restart': {
    POST: async (cluster, _, id) => {
      const broker = brokerOf(cluster, id)
      if (broker.isUp) throw new BadRequest(`broker ${id} is up already`, 409)
      await broker.restart()
      return cluster.state().brokers[id - 1]
    },
  },
  '/reset': {
    POST: async (cluster) => {
      await cluster.reset()
      return {}
    },
  },
}

/** Answers one request of the control port. */
export async function control(cluster: TestCluster, request: HttpRequest): Promise<HttpResponse> {
  const { method, path } = request
  const [, before = path, number = '0', after = ''] = /^(\/\w+\/)(\d{1,9})(\/\w+)?$/.exec(path) ?? []
  const pattern = before === path ? path : `${before}N${after}`
  const methods = Object.hasOwn(routes, pattern) ? routes[pattern] : undefined
  if (methods === undefined) return problem(404, `there is no ${path}, only ${Object.keys(routes).join(', ')}`)
  const route = Object.hasOwn(methods, method) ? methods[method] : undefined
  if (route === undefined) return problem(405, `${path} takes ${Object.keys(methods).join(', ')}, not ${method}`)
  try {
    return { status: 200, body: await route(cluster, request, Number(number)) }
  } catch (error) {
    if (error instanceof BadRequest) return problem(error.status, error.message)
    if (error instanceof TypeError) return problem(400, error.message)
    throw error
  }
}

function problem(status: number, error: string): HttpResponse {
  return { status, body: { error } }
}

function faultOf(cluster: TestCluster, id: number) {
  const fault = cluster.faults.get(id)
  if (fault === undefined) throw new BadRequest(`there is no fault ${id}`, 404)
  return fault
}

function brokerOf(cluster: TestCluster, id: number) {
  if (id < 1 || id > cluster.brokers.length) throw new BadRequest(`there is no broker ${id}`, 404)
  return cluster.broker(id)
}

/** What is waited for did not come: not a mistake of the request. */
async function inTime<T>(waited: Promise<T>): Promise<T> {
  try {
    return await waited
  } catch (error) {
    throw error instanceof TypeError ? error : new BadRequest((error as Error).message, 408)
  }
}

function fieldsOf(body: unknown, ...allowed: readonly string[]): Record<string, unknown> {
  if (body === undefined) return {}
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new BadRequest(`the body is not an object with ${allowed.join(', ')}`)
  }
  for (const name of Object.keys(body)) {
    if (!allowed.includes(name)) throw new BadRequest(`the body has no ${name}, only ${allowed.join(', ')}`)
  }
  return body as Record<string, unknown>
}

function integer(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 600_000) return value
  throw new BadRequest(`${name}: ${JSON.stringify(value)} is not an integer from 0 to 600000`)
}

const numbers: ReadonlySet<string> = new Set(['version', 'node', 'partition'])

/** `?api=Fetch&node=2` as a match. */
function matchOf(query: URLSearchParams): RequestMatch {
  return Object.fromEntries(Array.from(query, ([name, text]) => [name, numbers.has(name) ? Number(text) : text]))
}
