import { ConsumerGroupHeartbeat } from '@ottla/codec'
import type { Cluster } from '../cluster/cluster.ts'
import { meaningOf } from '../error-meaning.ts'
import { asKafkaError, type ErrorCode, KafkaError } from '../errors.ts'
import type { GroupIdentity, Membership, MembershipListener, MembershipState } from './membership.ts'

export interface Protocols {
  classic(): Membership
  nextGen(): Membership
}

/** The feature that the brokers need besides the API (KIP-584). */
const feature = 'group.version'

/** Chooses the protocol when the member starts: that of KIP-848 where the brokers have it, else the classic one. */
export class AutoMembership implements Membership {
  readonly #cluster: Pick<Cluster, 'retry' | 'firstResult' | 'logger'>
  readonly #protocols: Protocols
  readonly #listener: Pick<MembershipListener, 'onFatal'>
  readonly #unjoined: GroupIdentity
  readonly #stopping = new AbortController()
  #chosen: Membership | undefined
  #choosing: Promise<void> | undefined
  #failed = false

  constructor(
    cluster: Pick<Cluster, 'retry' | 'firstResult' | 'logger'>,
    groupId: string,
    protocols: Protocols,
    listener: Pick<MembershipListener, 'onFatal'>,
  ) {
    this.#cluster = cluster
    this.#protocols = protocols
    this.#listener = listener
    this.#unjoined = { groupId, memberId: '', generation: -1, instanceId: null }
  }

  get state(): MembershipState {
    if (this.#failed) return 'failed'
    return this.#chosen?.state ?? (this.#stopping.signal.aborted ? 'left' : 'unjoined')
  }

  get identity(): GroupIdentity {
    return this.#chosen?.identity ?? this.#unjoined
  }

  get isRebalancing(): boolean {
    return this.#chosen?.isRebalancing ?? (this.#choosing !== undefined && !this.#failed)
  }

  get hasEpochs(): boolean {
    return this.#chosen?.hasEpochs === true
  }

  get leaderId(): string | undefined {
    return this.#chosen?.leaderId
  }

  start(): void {
    this.#choosing ??= this.#choose()
  }

  rejoin(reason: string): void {
    this.#chosen?.rejoin(reason)
  }

  metadataChanged(): void {
    this.#chosen?.metadataChanged()
  }

  fenced(code: ErrorCode, generation: number): void {
    this.#chosen?.fenced(code, generation)
  }

  rebalanceSeen(generation: number): void {
    this.#chosen?.rebalanceSeen(generation)
  }

  checkSession(): boolean {
    return this.#chosen?.checkSession() ?? true
  }

  async leave(options: Parameters<Membership['leave']>[0]): Promise<void> {
    this.#stopping.abort(new KafkaError('CLOSED', 'The consumer leaves its group'))
    await this.#choosing
    await this.#chosen?.leave(options)
  }

  async #choose(): Promise<void> {
    const { signal } = this.#stopping
    try {
      const limits = { operation: 'Looking up the group protocols of the brokers', signal }
      const isOffered = await this.#cluster.retry(limits, () => this.#isOffered())
      if (signal.aborted) return
      this.#cluster.logger.debug('the group protocol was chosen', { protocol: isOffered ? 'consumer' : 'classic' })
      this.#chosen = isOffered ? this.#protocols.nextGen() : this.#protocols.classic()
      this.#chosen.start()
    } catch (error) {
      if (signal.aborted) return
      this.#failed = true
      this.#listener.onFatal(asKafkaError(error, 'Choosing the group protocol').with({ fatal: true }))
    }
  }

  #isOffered(): Promise<boolean> {
    return this.#cluster.firstResult(async (broker) => {
      try {
        await broker.versionOf(ConsumerGroupHeartbeat)
      } catch (error) {
        if (KafkaError.is(error) && meaningOf(error.code).unsupportedVersion) return false
        throw error
      }
      return broker.featureLevel(feature) >= 1
    })
  }
}
