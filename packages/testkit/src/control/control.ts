import type { TestCluster } from '../cluster/cluster.ts'
import type { FaultRule, RequestMatch } from '../faults/rule.ts'
import type { HttpRequest, HttpResponse } from '../network/http.ts'
import type { Duration } from '../runtime/clock.ts'

/** A request that fails with a status; the message says why. */
class ControlError extends Error {
  readonly status: number

  constructor(message: string, status = 400) {
    super(message)
    this.status = status
  }
}

type Route = (cluster: TestCluster, request: HttpRequest, number: number) => unknown

/** In paths, N is the number of a fault or a broker. */
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
      await withTimeoutStatus(fault.wait(integer('hits', hits), { timeoutMs: integer('timeoutMs', timeoutMs) }))
      return fault
    },
  },
  '/traffic': {
    GET: (cluster, { query }) => ({ traffic: cluster.saw(matchOf(query)) }),
  },
  '/traffic/wait': {
    POST: async (cluster, { body }) => {
      const { match = {}, timeoutMs = 5_000, responded = false } = fieldsOf(body, 'match', 'timeoutMs', 'responded')
      if (typeof responded !== 'boolean') throw new ControlError("Field 'responded' must be true or false")
      const options = { timeoutMs: integer('timeoutMs', timeoutMs), responded }
      return withTimeoutStatus(cluster.awaitTraffic(match as RequestMatch, options))
    },
  },
  '/state': { GET: (cluster) => cluster.state() },
  '/clock/advance': {
    POST: async (cluster, { body }) => {
      const { by } = fieldsOf(body, 'by')
      if (by === undefined) throw new ControlError('Field \'by\' is required: {"by":"45s"} or {"by":45000}')
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
      if (broker.isUp) throw new ControlError(`Broker ${id} is already up`, 409)
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

/** Handles one request to the control port. */
export async function control(cluster: TestCluster, request: HttpRequest): Promise<HttpResponse> {
  const { method, path } = request
  const [, before = path, number = '0', after = ''] = /^(\/\w+\/)(\d{1,9})(\/\w+)?$/.exec(path) ?? []
  const pattern = before === path ? path : `${before}N${after}`
  const methods = Object.hasOwn(routes, pattern) ? routes[pattern] : undefined
  if (methods === undefined) return problem(404, `Path ${path} does not exist, only ${Object.keys(routes).join(', ')}`)
  const route = Object.hasOwn(methods, method) ? methods[method] : undefined
  if (route === undefined)
    return problem(405, `Path ${path} supports ${Object.keys(methods).join(', ')}, not ${method}`)
  try {
    return { status: 200, body: await route(cluster, request, Number(number)) }
  } catch (error) {
    if (error instanceof ControlError) return problem(error.status, error.message)
    if (error instanceof TypeError) return problem(400, error.message)
    throw error
  }
}

function problem(status: number, error: string): HttpResponse {
  return { status, body: { error } }
}

function faultOf(cluster: TestCluster, id: number) {
  const fault = cluster.faults.get(id)
  if (fault === undefined) throw new ControlError(`Fault ${id} does not exist`, 404)
  return fault
}

function brokerOf(cluster: TestCluster, id: number) {
  if (id < 1 || id > cluster.brokers.length) throw new ControlError(`Broker ${id} does not exist`, 404)
  return cluster.broker(id)
}

/** Reports a timeout of the wait as 408, since the request itself is valid. */
async function withTimeoutStatus<T>(waited: Promise<T>): Promise<T> {
  try {
    return await waited
  } catch (error) {
    throw error instanceof TypeError ? error : new ControlError((error as Error).message, 408)
  }
}

function fieldsOf(body: unknown, ...allowed: readonly string[]): Record<string, unknown> {
  if (body === undefined) return {}
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ControlError(`The body must be an object with ${allowed.join(', ')}`)
  }
  for (const name of Object.keys(body)) {
    if (!allowed.includes(name)) throw new ControlError(`The body has no field '${name}', only ${allowed.join(', ')}`)
  }
  return body as Record<string, unknown>
}

function integer(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 600_000) return value
  throw new ControlError(`Field '${name}' must be an integer from 0 to 600000, not ${JSON.stringify(value)}`)
}

const numbers: ReadonlySet<string> = new Set(['version', 'node', 'partition'])

/** Converts `?api=Fetch&node=2` to a match. */
function matchOf(query: URLSearchParams): RequestMatch {
  return Object.fromEntries(Array.from(query, ([name, text]) => [name, numbers.has(name) ? Number(text) : text]))
}
