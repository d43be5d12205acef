import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** Parsed JSON; undefined for an empty body. */
  readonly body: unknown
}

export interface HttpResponse {
  readonly status: number
  /** Sent as JSON. */
  readonly body: unknown
}

export interface HttpListener {
  readonly port: number
  close(): Promise<void>
}

const maxBodyBytes = 1 << 20

/** Serves JSON on the loopback address; port 0 selects a free port. Rejects when the port is in use. */
export function listenHttp(
  port: number,
  respond: (request: HttpRequest) => Promise<HttpResponse>,
): Promise<HttpListener> {
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
    serve(request, respond).then(
      (done) => reply(response, done),
      (error: unknown) => reply(response, { status: 500, body: { error: String(error) } }),
    )
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port }, () => {
      server.removeListener('error', reject)
      const address = server.address()
      if (address === null || typeof address === 'string') return reject(new Error('The server has no port'))
      resolve({ port: address.port, close: () => closeServer(server) })
    })
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

async function serve(
  request: IncomingMessage,
  respond: (request: HttpRequest) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  // Protects against DNS rebinding by web pages: only requests to the address or localhost, without an origin, are accepted.
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '') || request.headers.origin !== undefined) {
    return { status: 403, body: { error: 'Only programs on this machine are allowed. Use 127.0.0.1 or localhost.' } }
  }
  const text = await bodyOf(request)
  if (text === undefined) return { status: 413, body: { error: `The body is larger than ${maxBodyBytes} bytes` } }
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  let body: unknown
  try {
    body = text === '' ? undefined : JSON.parse(text)
  } catch (error) {
    return { status: 400, body: { error: `The body is not JSON: ${(error as Error).message}` } }
  }
  return respond({ method: request.method ?? 'GET', path: url.pathname, query: url.searchParams, body })
}

/** The request's body; undefined when it is too large (it is then read but not kept). */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size <= maxBodyBytes) chunks.push(chunk as Buffer)
    else chunks.length = 0
  }
  return size > maxBodyBytes ? undefined : Buffer.concat(chunks).toString()
}

function reply(response: ServerResponse, { status, body }: HttpResponse): void {
  const text = `${JSON.stringify(body, plain)}\n`
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/** Types that JSON lacks: bigints as decimal strings, bytes as base64. */
function plain(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  // `value` of a Buffer is already the result of its toJSON.
  const original = (this as Record<string, unknown>)[key]
  return original instanceof Uint8Array ? Buffer.from(original).toString('base64') : value
}
