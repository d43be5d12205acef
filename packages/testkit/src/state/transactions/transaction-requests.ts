import type { ErrorName } from '@ottla/codec'
import {
  hasPartitions,
  isEpochExhausted,
  NO_PRODUCER,
  prepared,
  supportsEpochBump,
  type TopicPartitions,
  type Transaction,
  type TransactionImage,
  withNextEpoch,
  withNextProducerId,
  withPartitions,
} from './transaction.ts'
import type { TransactionShard } from './transaction-shard.ts'

/** A producer as identified in a request. */
export interface ProducerIdentity {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
}

export interface AssignedProducer {
  readonly producerId: bigint
  readonly producerEpoch: number
}

type Respond = (error: ErrorName | undefined) => void

/** Assigns the producer an id and an epoch that fences earlier ones. An open transaction is aborted first. */
export function initProducerId(
  shard: TransactionShard,
  { transactionalId, producerId, producerEpoch, timeoutMs }: ProducerIdentity & { readonly timeoutMs: number },
  respond: (result: ErrorName | AssignedProducer) => void,
): void {
  if (timeoutMs <= 0 || timeoutMs > shard.config.maxTimeoutMs) {
    respond('INVALID_TRANSACTION_TIMEOUT')
    return
  }
  const transaction = shard.transactions.get(transactionalId) ?? shard.create(transactionalId, timeoutMs)
  const { image } = transaction
  const isKnown = producerId !== NO_PRODUCER
  const isFenced = isKnown && image.producerEpoch !== -1 && !isOwnId(image, producerId, producerEpoch)
  if (transaction.isChanging || isDecided(image)) {
    respond(isFenced && !transaction.isChanging ? 'PRODUCER_FENCED' : 'CONCURRENT_TRANSACTIONS')
    return
  }
  if (isFenced) {
    respond('PRODUCER_FENCED')
    return
  }
  if (image.state === 'Ongoing') {
    abortFromHere(shard, transaction, 2, (error) => respond(error ?? 'CONCURRENT_TRANSACTIONS'))
    return
  }
  const nowMs = shard.nowMs()
  const next = isEpochExhausted(image)
    ? withNextProducerId(image, { producerId: shard.newProducerId(), timeoutMs, isKnown, nowMs })
    : withNextEpoch(image, { timeoutMs, expectedEpoch: isKnown ? producerEpoch : undefined, nowMs })
  if (next === 'PRODUCER_FENCED') {
    respond(next)
    return
  }
  shard.change(transaction, next, (error) => respond(error ?? next))
}

/** The id is the transaction's, or the previous one whose epochs are exhausted. */
function isOwnId(image: TransactionImage, producerId: bigint, producerEpoch: number): boolean {
  if (producerId === image.producerId) return true
  return producerId === image.previousProducerId && producerEpoch >= 32_766
}

const isDecided = ({ state }: TransactionImage): boolean => state === 'PrepareCommit' || state === 'PrepareAbort'

/** The error that keeps a producer from using its transaction. */
function problemOf(transaction: Transaction | undefined, identity: ProducerIdentity): ErrorName | undefined {
  if (transaction === undefined) return 'INVALID_PRODUCER_ID_MAPPING'
  const { image, isChanging } = transaction
  if (isChanging) return 'CONCURRENT_TRANSACTIONS'
  if (image.producerId !== identity.producerId) return 'INVALID_PRODUCER_ID_MAPPING'
  if (image.producerEpoch !== identity.producerEpoch) return 'PRODUCER_FENCED'
  return isDecided(image) ? 'CONCURRENT_TRANSACTIONS' : undefined
}

/** Adds partitions, which will get a marker. `clientVersion` 2: a write added them implicitly (KIP-890). */
export function addPartitions(
  shard: TransactionShard,
  identity: ProducerIdentity,
  { partitions, clientVersion }: { readonly partitions: readonly TopicPartitions[]; readonly clientVersion: number },
  respond: Respond,
): void {
  const transaction = shard.transactions.get(identity.transactionalId)
  const problem = problemOf(transaction, identity)
  if (problem !== undefined || transaction === undefined) {
    respond(problem)
    return
  }
  const { image } = transaction
  if (image.state === 'Ongoing' && hasPartitions(image, partitions)) {
    respond(undefined)
    return
  }
  shard.change(transaction, withPartitions(image, partitions, { clientVersion, nowMs: shard.nowMs() }), respond)
}

/** Checks that a producer without KIP-890 has added the partitions it writes to. */
export function verifyPartitions(
  shard: TransactionShard,
  identity: ProducerIdentity,
  partitions: readonly TopicPartitions[],
): ErrorName | undefined {
  const transaction = shard.transactions.get(identity.transactionalId)
  const problem = problemOf(transaction, identity)
  if (problem !== undefined || transaction === undefined) return problem
  return hasPartitions(transaction.image, partitions) ? undefined : 'TRANSACTION_ABORTABLE'
}

/** Responds when the decision is in the log; markers follow. `clientVersion` 2: the epoch rises. */
export function endTransaction(
  shard: TransactionShard,
  identity: ProducerIdentity,
  { committed, clientVersion }: { readonly committed: boolean; readonly clientVersion: number },
  respond: (result: ErrorName | AssignedProducer) => void,
): void {
  const transaction = shard.transactions.get(identity.transactionalId)
  if (transaction === undefined) {
    respond('INVALID_PRODUCER_ID_MAPPING')
    return
  }
  const { image } = transaction
  const verdict = endVerdict(transaction, identity, committed, clientVersion)
  if (verdict === 'repeated') {
    respond({ producerId: image.producerId, producerEpoch: image.producerEpoch })
    return
  }
  if (verdict !== 'proceed') {
    respond(verdict)
    return
  }
  const isLast = clientVersion >= 2 && isEpochExhausted(image)
  const nextProducerId = isLast ? shard.newProducerId() : NO_PRODUCER
  const next = prepared(image, { committed, clientVersion, nextProducerId, nowMs: shard.nowMs() })
  shard.change(transaction, next, (error) => {
    if (error !== undefined) {
      respond(error)
      return
    }
    respond(isLast ? { producerId: nextProducerId, producerEpoch: 0 } : next)
    shard.sendMarkers(transaction)
  })
}

function endVerdict(
  { image, isChanging }: Transaction,
  { producerId, producerEpoch }: ProducerIdentity,
  committed: boolean,
  clientVersion: number,
): ErrorName | 'proceed' | 'repeated' {
  if (isChanging) return 'CONCURRENT_TRANSACTIONS'
  const mayRepeat = clientVersion >= 2 && supportsEpochBump(image)
  const isRotated =
    mayRepeat && image.previousProducerId === producerId && producerEpoch === 32_766 && image.producerEpoch === 0
  const isBumped = mayRepeat && image.producerId === producerId && image.producerEpoch === producerEpoch + 1
  if (image.producerId !== producerId && !isRotated) return 'INVALID_PRODUCER_ID_MAPPING'
  const isRepeated = isRotated || isBumped
  if (image.producerEpoch !== producerEpoch && !isRepeated) return 'PRODUCER_FENCED'
  switch (image.state) {
    case 'Ongoing':
      return isRepeated ? 'PRODUCER_FENCED' : 'proceed'
    case 'PrepareCommit':
      return committed ? 'CONCURRENT_TRANSACTIONS' : 'INVALID_TXN_STATE'
    case 'PrepareAbort':
      return committed ? 'INVALID_TXN_STATE' : 'CONCURRENT_TRANSACTIONS'
    case 'Empty':
      return clientVersion >= 2 && !committed && !isRepeated ? 'proceed' : 'INVALID_TXN_STATE'
    default: {
      const isSame = committed === (image.state === 'CompleteCommit')
      if (clientVersion < 2) return isSame ? 'repeated' : 'INVALID_TXN_STATE'
      if (isRepeated) return isSame ? 'repeated' : 'INVALID_TXN_STATE'
      // An empty transaction may be aborted; that raises the epoch too.
      return committed ? 'INVALID_TXN_STATE' : 'proceed'
    }
  }
}

/** The coordinator aborts a transaction after its timeout or for a new producer, and raises the epoch to fence the old one. */
export function abortFromHere(
  shard: TransactionShard,
  transaction: Transaction,
  clientVersion: number,
  done: Respond,
): void {
  const { image } = transaction
  const fenced =
    clientVersion >= 2 ? image : { ...image, producerEpoch: image.producerEpoch + 1, lastProducerEpoch: -1 }
  const next = prepared(fenced, { committed: false, clientVersion, nowMs: shard.nowMs() })
  shard.change(transaction, next, (error) => {
    done(error)
    if (error === undefined) shard.sendMarkers(transaction)
  })
}
