import { type Api, decodeResponse, encodeRequest, Metadata } from '@ottla/codec'
import { createCluster, type TestCluster } from '@ottla/testkit'
import type { Struct } from '../../src/messages/blank.ts'
import { inVersion } from '../conformance/acls.ts'
import { Plainer } from '../conformance/plain.ts'
import { Stage, type Target } from '../conformance/stage.ts'
import { alice } from '../conformance/tokens.ts'
import type { Wire } from '../support/wire.ts'

/** A small cluster for one row, with a topic `t` and a superuser as client. */
export interface World {
  readonly cluster: TestCluster
  /** Opens connections and sends requests; nothing is recorded here. */
  readonly stage: Stage
  readonly topicId: string
}

/** A change of state between two equal requests. */
export interface Change {
  readonly name: string
  readonly make: (world: World) => Promise<void>
}

export interface Row {
  readonly api: Api
  /** Default: the newest served version. */
  readonly version?: number
  /** Default 1. */
  readonly brokers?: number
  /** Made before both requests, for the values that `request` needs. */
  readonly given?: readonly Change[]
  readonly request: (world: World) => Struct | Promise<Struct>
  /** Undefined: the request itself is the change, because it takes effect only once. */
  readonly change?: Change
  /** The request itself also changes the state, so it is sent only once before the change. */
  readonly isOnce?: true
  /** Returns the connection of each request. Default: the first one. */
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

/** Calls `play` with a cluster, and closes the cluster afterwards. */
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

/** The bytes of a request without the length; omitted fields have Kafka's defaults. */
export function bytesOf(api: Api, version: number, given: Struct): Buffer {
  const body = inVersion(api.request.fields, version, given)
  const chunks = encodeRequest(api, version, { correlationId: 7, clientId: 'same' }, body)
  return Buffer.concat(chunks).subarray(4)
}

/** The response to these bytes, without generated or measured values: ids, secrets, times. */
export async function responseTo(wire: Wire, api: Api, version: number, request: Buffer): Promise<unknown> {
  const { body } = decodeResponse(api, version, await wire.raw(request))
  return new Plainer({ prefix: '\0', ports: new Map() }).of(body)
}

/** Authenticated as alice, who has only the permissions of ACLs. */
export const asAlice = ({ stage }: World): Promise<Wire> => stage.open({ user: alice })
