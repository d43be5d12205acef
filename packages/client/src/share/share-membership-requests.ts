import { ShareGroupHeartbeat, type ShareGroupHeartbeatRequest, type ShareGroupHeartbeatResponse } from '@ottla/codec'
import type { Broker } from '../cluster/broker.ts'
import type { CoordinatorConnection } from '../cluster/coordinator-connection.ts'
import { meaningOf } from '../error-meaning.ts'
import { kafkaErrorOf } from '../errors.ts'
import type { GroupCluster } from '../group/classic-requests.ts'
import { within } from '../runtime/wait.ts'

const leavingEpoch = -1

/** The heartbeats of a member of a share group, on a connection of their own. */
export class ShareMembershipRequests {
  readonly #cluster: GroupCluster
  readonly #groupId: string
  readonly #connection: CoordinatorConnection

  constructor(cluster: GroupCluster, groupId: string, connection: CoordinatorConnection) {
    this.#cluster = cluster
    this.#groupId = groupId
    this.#connection = connection
  }

  /** Rejects with the error that the coordinator reports. */
  async heartbeat(
    body: () => Omit<ShareGroupHeartbeatRequest, 'groupId'>,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<ShareGroupHeartbeatResponse> {
    const groupId = this.#groupId
    const broker = await this.#cluster.coordinator('group', groupId, { signal, timeoutMs })
    signal.throwIfAborted()
    const options = { purpose: this.#connection.to(broker), timeoutMs, signal }
    const response = await broker.request(ShareGroupHeartbeat, () => ({ groupId, ...body() }), options)
    this.#check(response, broker)
    return response
  }

  /** Never rejects: without it the brokers remove the member when its session times out. */
  async leave(memberId: string, timeoutMs: number): Promise<void> {
    const { runtime, logger } = this.#cluster
    const body = () => ({ memberId, memberEpoch: leavingEpoch })
    try {
      await within(runtime, { operation: 'Leaving the share group', timeoutMs }, (signal) =>
        this.heartbeat(body, { timeoutMs, signal }),
      )
    } catch (error) {
      logger.debug('leaving the share group failed', { group: this.#groupId, error: String(error) })
    }
  }

  closeConnection(): void {
    this.#connection.close()
  }

  #check({ errorCode, errorMessage: message }: ShareGroupHeartbeatResponse, broker: Broker): void {
    if (errorCode === 0) return
    const { unsupportedVersion, missingGroup } = meaningOf(errorCode)
    const hint = unsupportedVersion ? noShareGroupsHint : missingGroup ? otherKindHint : undefined
    throw kafkaErrorOf(errorCode, 'Share group membership', { broker, group: this.#groupId, message, hint })
  }
}

/** What to do where the brokers have no share groups. */
export const noShareGroupsHint =
  'These brokers do not have share groups (Kafka 4.1 and later, with the feature share.version=1): upgrade the feature, or use kafka.consumer().'

const otherKindHint = 'Choose another `groupId`: a group that is no share group has this one.'
