import {
  type Api,
  ApiVersions,
  allApis,
  apiOf,
  type Decoded,
  decodeRequest,
  decodeRequestHeader,
  type Encodable,
  type ErrorName,
  encodeResponse,
  errorCode,
  FindCoordinator,
  FrameSplitter,
  Metadata,
  type MetadataResponse,
  SaslHandshake,
} from '@ottla/codec'
import type { ScriptedNetwork, ScriptedSocket } from './scripted-network.ts'

export interface ScriptedPartition {
  readonly leader: number
  readonly leaderEpoch?: number
  readonly error?: ErrorName
}

export interface ScriptedTopic {
  readonly topicId?: string
  readonly error?: ErrorName
  readonly partitions: readonly ScriptedPartition[]
}

/** In place of the version and the correlation id of the request. */
export interface ResponseFrame {
  readonly version?: number
  readonly correlationId?: number
}

/** A decoded request, as one of the nodes received it. */
export interface ScriptedRequest<A extends Api = Api> {
  readonly api: A
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly nodeId: number
  readonly body: Decoded<A['request']>
  readonly socket: ScriptedSocket
  respond(body: ScriptedResponse<A>, frame?: ResponseFrame): void
  /** The frame that `respond` sends, for tests that damage it. */
  encode(body: ScriptedResponse<A>, frame?: ResponseFrame): Buffer
}

/** A response as the codec encodes it. The throttle time is 0 unless it is given. */
export type ScriptedResponse<A extends Api> = Omit<Encodable<A['response']>, 'throttleTimeMs'> & {
  readonly throttleTimeMs?: number
}

type Reply<A extends Api> = ScriptedResponse<A> | undefined

/** Returns the response to send; undefined: none is sent, or the handler sends it itself. */
export type ScriptedHandler<A extends Api> = (request: ScriptedRequest<A>) => Reply<A> | Promise<Reply<A>>

type AnyHandler = (request: ScriptedRequest) => unknown

const ok = { errorCode: 0, errorMessage: null }

/**
 * Brokers that respond as the test scripts them, for behaviour that no correct broker shows. Requests and responses are real
 * frames on a scripted network. ApiVersions, Metadata and FindCoordinator follow from the fields below; every other API
 * needs a handler, and one without a handler gets no response. It has no logs and no groups: use the testkit for those.
 */
export class ScriptedBroker {
  readonly network: ScriptedNetwork
  /** Node id → port of the host 'broker'. */
  readonly nodes = new Map<number, number>()
  readonly topics = new Map<string, ScriptedTopic>()
  /** API name → the versions to advertise in place of the codec's; null: none. */
  readonly versions = new Map<string, { min: number; max: number } | null>()
  /** Every request in the order of arrival. */
  readonly received: ScriptedRequest[] = []
  /** Decides before the handlers; false: the request gets no response. */
  admit: (request: ScriptedRequest) => boolean = () => true
  controllerId = 1
  coordinatorId = 1
  readonly #handlers = new Map<string, AnyHandler>()
  readonly #once = new Map<string, AnyHandler[]>()

  constructor(network: ScriptedNetwork, nodes = 1) {
    this.network = network
    for (let id = 1; id <= nodes; id++) this.start(id)
    this.on(ApiVersions, () => this.apiVersions())
    this.on(Metadata, ({ body }) => this.metadata(body.topics))
    this.on(FindCoordinator, (request) => this.coordinators(request))
    this.on(SaslHandshake, () => ({ errorCode: errorCode('ILLEGAL_SASL_STATE'), mechanisms: [] }))
  }

  get bootstrap(): string[] {
    return [...this.nodes.values()].map((port) => `broker:${port}`)
  }

  /** A node that runs, at another port than before if one is given. */
  start(id: number, port = 9090 + id): void {
    this.nodes.set(id, port)
    this.listenAt(`broker:${port}`, id)
  }

  /** The node is reached at this address too. */
  listenAt(place: string, nodeId: number): void {
    this.network.listen(place, (socket) => this.#accept(socket, nodeId))
  }

  /** The node refuses connections and its sockets close. It stays in the metadata. */
  stop(id: number): void {
    this.network.unlisten(`broker:${this.nodes.get(id)}`)
  }

  /** From now on, until the next call, this handler responds to the API. */
  on<A extends Api>(api: A, handler: ScriptedHandler<A>): void {
    this.#handlers.set(api.name, handler as AnyHandler)
  }

  /** These handlers respond to the next requests of the API, one each, before the one of `on`. */
  next<A extends Api>(api: A, ...handlers: readonly ScriptedHandler<A>[]): void {
    this.#once.set(api.name, [...(this.#once.get(api.name) ?? []), ...(handlers as readonly AnyHandler[])])
  }

  /** The requests of one API so far. */
  requests<A extends Api>(api: A): ScriptedRequest<A>[] {
    return this.received.filter((request) => request.api.name === api.name) as unknown as ScriptedRequest<A>[]
  }

  apiVersions(): ScriptedResponse<typeof ApiVersions> {
    const apiKeys = allApis.flatMap((api) => {
      const range = this.versions.has(api.name) ? this.versions.get(api.name)! : api.versions
      return range === null ? [] : [{ apiKey: api.key, minVersion: range.min, maxVersion: range.max }]
    })
    return { errorCode: 0, apiKeys }
  }

  /** Topics are looked up by name; null: all. */
  metadata(requested: readonly { readonly name: string | null }[] | null): ScriptedResponse<typeof Metadata> {
    const names = requested === null ? [...this.topics.keys()] : requested.map(({ name }) => name!)
    return {
      brokers: [...this.nodes].map(([nodeId, port]) => ({ nodeId, host: 'broker', port })),
      clusterId: 'scripted',
      errorCode: 0,
      controllerId: this.controllerId,
      topics: names.map((name) => this.#topic(name)),
    }
  }

  coordinators({ version, body }: ScriptedRequest<typeof FindCoordinator>): ScriptedResponse<typeof FindCoordinator> {
    const nodeId = this.coordinatorId
    const place = { nodeId, host: 'broker', port: this.nodes.get(nodeId)!, ...ok }
    return version < 4 ? place : { coordinators: body.coordinatorKeys.map((key) => ({ key, ...place })) }
  }

  #topic(name: string): MetadataResponse['topics'][number] {
    const replicas = [...this.nodes.keys()]
    const topic: ScriptedTopic = this.topics.get(name) ?? { error: 'UNKNOWN_TOPIC_OR_PARTITION', partitions: [] }
    return {
      errorCode: codeOf(topic.error),
      name,
      topicId: topic.topicId ?? topicIdOf(name),
      isInternal: false,
      topicAuthorizedOperations: 0,
      partitions: topic.partitions.map(({ leader, leaderEpoch = 0, error }, partitionIndex) => ({
        errorCode: codeOf(error),
        partitionIndex,
        leaderId: leader,
        leaderEpoch,
        replicaNodes: replicas,
        isrNodes: replicas,
        offlineReplicas: [],
      })),
    }
  }

  #accept(socket: ScriptedSocket, nodeId: number): void {
    const splitter = new FrameSplitter({
      maxBytes: 100 << 20,
      onFrame: (frame) => this.#receive(frame, socket, nodeId),
      onError: () => socket.close(),
    })
    socket.onBytes = (bytes) => {
      for (let at = 0; at < bytes.length && !socket.closed; ) {
        const size = bytes.copy(splitter.space(), 0, at)
        at += size
        splitter.filled(size)
      }
    }
  }

  #receive(frame: Buffer, socket: ScriptedSocket, nodeId: number): void {
    const { apiKey, apiVersion: version, correlationId, clientId, bodyOffset } = decodeRequestHeader(frame)
    const api = apiOf(apiKey)!
    const body = decodeRequest(api, version, frame, bodyOffset)
    const encode: ScriptedRequest['encode'] = (response, of = {}) => {
      const whole = { throttleTimeMs: 0, ...response }
      return Buffer.concat(
        encodeResponse(api, of.version ?? version, of.correlationId ?? correlationId, whole as never),
      )
    }
    const respond: ScriptedRequest['respond'] = (response, of) => socket.send(encode(response, of))
    const request = { api, version, correlationId, clientId, nodeId, body, socket, respond, encode }
    this.received.push(request)
    if (!this.admit(request)) return
    const handler = this.#once.get(api.name)?.shift() ?? this.#handlers.get(api.name)
    void this.#respond(request, handler?.(request))
  }

  async #respond(request: ScriptedRequest, reply: unknown): Promise<void> {
    const response = await reply
    if (response !== undefined) request.respond(response as never)
  }
}

function codeOf(error: ErrorName | undefined): number {
  return error === undefined ? 0 : errorCode(error)
}

/** The same id for a name each time. */
export function topicIdOf(name: string): string {
  return Buffer.from(name.padEnd(16, '.').slice(0, 16)).toString('base64url')
}
