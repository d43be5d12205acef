import { type Api, decodeResponse, encodeRequest, Metadata } from '@ottla/codec'
import { createCluster, type TestCluster } from '@ottla/testkit'
import type { Struct } from '../../src/messages/blank.ts'
import { inVersion } from '../conformance/acls.ts'
import { Plainer } from '../conformance/plain.ts'
import { Stage, type Target } from '../conformance/stage.ts'
import { alice } from '../conformance/tokens.ts'
import type { Wire } from '../support/wire.ts'

/** A small cluster of its own for one row: a topic `t`, and clients that may everything. */
export interface World {
  readonly cluster: TestCluster
  /** Connects, asks and waits; nothing of it is recorded here. */
  readonly stage: Stage
  readonly topicId: string
}

/** What happens between two requests that are the same. */
export interface Change {
  readonly name: string
  readonly make: (world: World) => Promise<void>
}

export interface Row {
  readonly api: Api
  /** Default: the newest that is served. */
  readonly version?: number
  /** Default 1. */
  readonly brokers?: number
  /** Before both requests; what it gives is for `request`. */
  readonly given?: readonly Change[]
  readonly request: (world: World) => Struct | Promise<Struct>
  /** Undefined: the request itself is the change, for what it asks for is done once. */
  readonly change?: Change
  /** The first of the requests changes something too: it is not asked twice before the change. */
  readonly isOnce?: true
  /** The connection; asked for each of the requests. Default: the first one. */
  readonly on?: (world: World) => Wire | Promise<Wire>
}

const small = {
  'broker.session.timeout.ms': 100,
  'offsets.topic.replication.factor': 1,
  'offsets.topic.num.partitions': 1,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'transaction.state.log.num.partitions': 1,
  'share.coordinator.state.topic.replication.factor': 1,
  'share.coordinator.state.topic.min.isr': 1,
  'share.coordinator.state.topic.num.partitions': 1,
  'delegation.token.secret.key': 'secret',
}

/** Calls `play` with a cluster that ends with it. */
export async function inWorld<T>(
  brokers: number,
  play: (world: World) => Promise<T>,
  config: Readonly<Record<string, string | number>> = {},
): Promise<T> {
  await using cluster = await createCluster({
    brokers,
    listeners: [{ protocol: 'PLAINTEXT' }, { protocol: 'SASL_PLAINTEXT' }],
    sasl: { users: { [alice.name]: alice.password } },
    acls: { superUsers: ['ANONYMOUS'] },
    topics: [{ name: 't', partitions: 1, replicationFactor: 1 }],
    config: { ...small, ...config },
    onDiagnostic: () => {},
  })
  const stage = await Stage.open(Metadata, 12, targetOf(cluster), '')
  try {
    return await play({ cluster, stage, topicId: await stage.topicId('t') })
  } finally {
    stage.close()
  }
}

function targetOf(cluster: TestCluster): Target {
  return { name: 'the testkit', plaintext: cluster.bootstrap, sasl: cluster.bootstrapOf('SASL_PLAINTEXT') }
}

/** The bytes of a request, without their length; what is not given is as Kafka has it by default. */
export function bytesOf(api: Api, version: number, given: Struct): Buffer {
  const body = inVersion(api.request.fields, version, given)
  const chunks = encodeRequest(api, version, { correlationId: 7, clientId: 'same' }, body)
  return Buffer.concat(chunks).subarray(4)
}

/** The answer to these bytes without what a cluster makes up or measures: ids, secrets, times. */
export async function responseTo(wire: Wire, api: Api, version: number, request: Buffer): Promise<unknown> {
  const { body } = decodeResponse(api, version, await wire.raw(request))
  return new Plainer({ prefix: '\0', ports: new Map() }).of(body)
}

/** Logged in, and may nothing that is not allowed. */
export const asAlice = ({ stage }: World): Promise<Wire> => stage.open({ user: alice })
