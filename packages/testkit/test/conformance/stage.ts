import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Api,
  CreateTopics,
  type Decoded,
  type Encodable,
  errorOf,
  FindCoordinator,
  ListOffsets,
  Metadata,
  zeroUuid,
} from '@ottla/codec'
import { login, type User } from '../support/login.ts'
import { Wire } from '../support/wire.ts'
import { type Plain, Plainer } from './plain.ts'

/** A cluster of three brokers: `host:port` of each, broker 1 first. */
export interface Target {
  readonly name: string
  readonly plaintext: readonly string[]
  /** Listeners with SASL_PLAINTEXT. */
  readonly sasl: readonly string[]
}

/** One request and its response. */
export interface Step {
  readonly label: string
  readonly response: Plain
}

export interface TopicPlan {
  readonly partitions?: number
  /** The replicas of all partitions, the leader first. Default: broker 1 alone. */
  readonly replicas?: readonly number[]
  readonly configs?: Readonly<Record<string, string | number>>
}

export interface OpenOptions {
  readonly broker?: number
  readonly user?: User
  /** Connects to the SASL listener without authentication. */
  readonly sasl?: boolean
  readonly clientId?: string
}

const coordinatorKinds = { group: 0, transaction: 1, share: 2 } as const

/** The timeout of `until` and of one response. */
const timeoutMs = 20_000

/** Runs one part of a case: connections, unique names, and the list of responses. */
export class Stage<A extends Api = Api> {
  readonly api: A
  readonly version: number
  readonly target: Target
  readonly steps: Step[] = []
  /** Fields that the cases do not compare. */
  readonly dropped = new Set<string>()
  /** A connection to broker 1, without authentication. */
  readonly wire: Wire
  readonly #prefix: string
  readonly #plainer: Plainer
  readonly #wires: Wire[] = []

  private constructor(api: A, version: number, target: Target, prefix: string, wire: Wire) {
    this.api = api
    this.version = version
    this.target = target
    this.wire = wire
    this.#wires.push(wire)
    this.#prefix = prefix
    this.#plainer = new Plainer({ prefix, ports: portsOf(target) })
  }

  /** `prefix`: has the same length in each run, because names are sorted and measured. */
  static async open<A extends Api>(api: A, version: number, target: Target, prefix: string): Promise<Stage<A>> {
    const wire = await Wire.open(target.plaintext[0] as string, 'conformance')
    return new Stage(api, version, target, prefix, wire)
  }

  /** A name that is unique on the cluster; the recording contains `hint` instead. */
  name(hint: string): string {
    return `${this.#prefix}${hint}`
  }

  /** Fields that this part does not compare. */
  drop(...fields: string[]): void {
    for (const field of fields) this.dropped.add(field)
    this.#plainer.drop(fields)
  }

  /** Sends a request of the case's API in the part's version, and records the response. */
  async ask(
    label: string,
    body: Encodable<A['request']>,
    { on = this.wire }: { on?: Wire } = {},
  ): Promise<Decoded<A['response']>> {
    // The compiler cannot derive that the messages belong to A.
    const response: unknown = this.#record(label, on.request(this.api as never, this.version, body as never))
    return response as Promise<Decoded<A['response']>>
  }

  /** Sends a request of another API and records the response, to show an effect. */
  async note<Q, S>(
    label: string,
    api: Api<Q, S>,
    version: number,
    body: Encodable<Api<Q, S>['request']>,
    { on = this.wire }: { on?: Wire } = {},
  ): Promise<Decoded<Api<Q, S>['response']>> {
    return this.#record(label, on.request(api, version, body))
  }

  /** Sends a request without recording it, for setup and cleanup. */
  do<Q, S>(
    api: Api<Q, S>,
    version: number,
    body: Encodable<Api<Q, S>['request']>,
    { on = this.wire }: { on?: Wire } = {},
  ): Promise<Decoded<Api<Q, S>['response']>> {
    return this.#inTime(`${api.name} ${version}`, on.request(api, version, body))
  }

  /** Records another observation. */
  saw(label: string, what: unknown): void {
    this.steps.push({ label, response: this.#plainer.of(what) })
  }

  /** Opens another connection, which `close` of the stage closes. */
  async open({
    broker = 1,
    user,
    sasl = user !== undefined,
    clientId = 'conformance',
  }: OpenOptions = {}): Promise<Wire> {
    const addresses = sasl ? this.target.sasl : this.target.plaintext
    const address = addresses[broker - 1]
    if (address === undefined) throw new Error(`${this.target.name}: broker ${broker} has no such listener`)
    const wire = await Wire.open(address, clientId)
    this.#wires.push(wire)
    if (user !== undefined) await login(wire, user)
    return wire
  }

  /** Polls a condition while the cluster works in the background. */
  async until(what: string, condition: () => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + timeoutMs
    while (!(await condition())) {
      if (performance.now() > endMs) throw new Error(`${this.target.name}: timed out after ${timeoutMs} ms: ${what}`)
      await sleep(10)
    }
  }

  /** Resolves when all brokers have the topic's metadata and its leaders serve. */
  async createTopic(name: string, { partitions = 1, replicas = [1], configs = {} }: TopicPlan = {}): Promise<void> {
    const assignments = Array.from({ length: partitions }, (_, partitionIndex) => ({
      partitionIndex,
      brokerIds: [...replicas],
    }))
    const values = Object.entries(configs).map(([key, value]) => ({ name: key, value: String(value) }))
    const topic = { name, numPartitions: -1, replicationFactor: -1, assignments, configs: values }
    const { topics } = await this.do(CreateTopics, 7, { topics: [topic], timeoutMs: 10_000 })
    const error = errorOf(topics[0]?.errorCode ?? -1)
    if (error.name !== 'NONE') throw new Error(`${name} was not created: ${error.name}`)
    await this.#known(name, partitions)
    await this.#led(name, partitions, replicas[0] as number)
  }

  /** The current id of the topic. */
  async topicId(name: string): Promise<string> {
    const { topics } = await this.do(Metadata, 12, about(name))
    return topics[0]?.topicId ?? ''
  }

  /** A connection to the leader of a partition. */
  async leader(name: string, partition = 0): Promise<Wire> {
    const { topics } = await this.do(Metadata, 12, about(name))
    const found = topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === partition)
    return this.open({ broker: found?.leaderId ?? 0 })
  }

  /** A connection to the coordinator of a group, a transactional id or a share partition, when it is available. */
  async coordinator(key: string, kind: keyof typeof coordinatorKinds = 'group'): Promise<Wire> {
    return this.open({ broker: await this.coordinatorId(key, kind) })
  }

  async coordinatorId(key: string, kind: keyof typeof coordinatorKinds = 'group'): Promise<number> {
    let nodeId = -1
    const body = { keyType: coordinatorKinds[kind], coordinatorKeys: [key] }
    await this.until(`coordinator of ${key}`, async () => {
      const { coordinators } = await this.do(FindCoordinator, kind === 'share' ? 6 : 4, body)
      nodeId = coordinators[0]?.errorCode === 0 ? coordinators[0].nodeId : -1
      return nodeId !== -1
    })
    return nodeId
  }

  /** A name with the same coordinator as another one; the recording contains `hint` instead. */
  async nameBeside(hint: string, other: string, kind: keyof typeof coordinatorKinds = 'group'): Promise<string> {
    const wanted = await this.coordinatorId(other, kind)
    for (let salt = 0; ; salt++) {
      const name = this.name(`${hint}-${salt}`)
      if ((await this.coordinatorId(name, kind)) !== wanted) continue
      this.#plainer.rename(name, hint)
      return name
    }
  }

  close(): void {
    for (const wire of this.#wires) wire.close()
  }

  async #record<T>(label: string, response: Promise<T>): Promise<T> {
    try {
      const value = await this.#inTime(label, response)
      this.steps.push({ label, response: this.#plainer.of(value) })
      return value
    } catch (error) {
      if (!(error instanceof Error) || error.message !== 'closed') throw error
      this.steps.push({ label, response: '<closed>' })
      // The part continues where it does not need the response.
      return {} as T
    }
  }

  async #inTime<T>(what: string, response: Promise<T>): Promise<T> {
    const waiting = new AbortController()
    const late = sleep(timeoutMs, undefined, { signal: waiting.signal }).then(() => {
      throw new Error(`${this.target.name}: no response in ${timeoutMs} ms: ${what}`)
    })
    try {
      return await Promise.race([response, late])
    } finally {
      late.catch(() => {})
      waiting.abort()
    }
  }

  async #known(name: string, partitions: number): Promise<void> {
    for (let broker = 1; broker <= this.target.plaintext.length; broker++) {
      const wire = broker === 1 ? this.wire : await this.open({ broker })
      await this.until(`${name} on broker ${broker}`, async () => {
        const response = await wire.request(Metadata, 12, about(name))
        const found = response.topics[0]
        return found?.errorCode === 0 && found.partitions.filter(({ leaderId }) => leaderId >= 0).length === partitions
      })
    }
  }

  async #led(name: string, partitions: number, leader: number): Promise<void> {
    const wire = leader === 1 ? this.wire : await this.open({ broker: leader })
    const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({
      partitionIndex,
      currentLeaderEpoch: -1,
      timestamp: -1n,
    }))
    await this.until(`leaders of ${name}`, async () => {
      const response = await wire.request(ListOffsets, 5, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [{ name, partitions: asked }],
      })
      return response.topics[0]?.partitions.every(({ errorCode }) => errorCode === 0) ?? false
    })
  }
}

const about = (name: string) => ({
  topics: [{ name, topicId: zeroUuid }],
  allowAutoTopicCreation: false,
  includeTopicAuthorizedOperations: false,
})

function portsOf({ plaintext, sasl }: Target): ReadonlyMap<number, string> {
  const portOf = (address: string) => Number(address.slice(address.lastIndexOf(':') + 1))
  return new Map([
    ...plaintext.map((address, index) => [portOf(address), `port of broker ${index + 1}`] as const),
    ...sasl.map((address, index) => [portOf(address), `SASL port of broker ${index + 1}`] as const),
  ])
}
