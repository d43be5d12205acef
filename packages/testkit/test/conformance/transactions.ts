import { AddPartitionsToTxn, type Api, DescribeTransactions, EndTxn, errorOf, InitProducerId } from '@ottla/codec'
import type { Wire } from '../support/wire.ts'
import type { Stage } from './stage.ts'

export interface Producer {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** A connection to the transaction coordinator. */
  readonly coordinator: Wire
}

/** Transient errors: a coordinator is loading, or a transaction is completing. */
const transient: ReadonlySet<string> = new Set([
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'CONCURRENT_TRANSACTIONS',
])

export const isTransient = (code: number) => transient.has(errorOf(code).name)

/** A transactional producer with its id and epoch. */
export async function begin<A extends Api>(
  stage: Stage<A>,
  transactionalId: string,
  transactionTimeoutMs = 60_000,
): Promise<Producer> {
  const coordinator = await stage.coordinator(transactionalId, 'transaction')
  let found = { producerId: -1n, producerEpoch: -1 }
  await stage.until(`a producer id for ${transactionalId}`, async () => {
    const body = { transactionalId, transactionTimeoutMs }
    const response = await stage.do(InitProducerId, 4, body, { on: coordinator })
    found = response
    if (response.errorCode !== 0 && !isTransient(response.errorCode)) throw new Error(errorOf(response.errorCode).name)
    return response.errorCode === 0
  })
  return { producerId: found.producerId, producerEpoch: found.producerEpoch, coordinator }
}

/** Adds partitions like clients before Kafka 4. */
export async function addPartitions<A extends Api>(
  stage: Stage<A>,
  transactionalId: string,
  { producerId, producerEpoch, coordinator }: Producer,
  topic: string,
  partitions: readonly number[] = [0],
): Promise<void> {
  const v3AndBelowTopics = [{ name: topic, partitions: [...partitions] }]
  await stage.until('partitions in the transaction', async () => {
    const body = {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics,
    }
    const response = await stage.do(AddPartitionsToTxn, 3, body, { on: coordinator })
    const results = response.resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) => resultsByPartition)
    return results.every(({ partitionErrorCode }) => partitionErrorCode === 0)
  })
}

/** Waits until no transaction of the id is completing. */
export async function atRest<A extends Api>(stage: Stage<A>, transactionalId: string, on: Wire): Promise<void> {
  await stage.until(`${transactionalId} at rest`, async () => {
    const response = await stage.do(DescribeTransactions, 0, { transactionalIds: [transactionalId] }, { on })
    return !(response.transactionStates[0]?.transactionState.startsWith('Prepare') ?? false)
  })
}

/** Aborts an open transaction of the id by a new epoch, so that nothing waits for a timeout. */
export async function abandon<A extends Api>(stage: Stage<A>, transactionalId: string): Promise<void> {
  const { coordinator } = await begin(stage, transactionalId)
  await atRest(stage, transactionalId, coordinator)
}

/** Ends the transaction like clients before Kafka 4, and waits until it is complete. */
export async function end<A extends Api>(
  stage: Stage<A>,
  transactionalId: string,
  { producerId, producerEpoch, coordinator }: Producer,
  committed: boolean,
): Promise<void> {
  await stage.until('the end of the transaction', async () => {
    const body = { transactionalId, producerId, producerEpoch, committed }
    const { errorCode } = await stage.do(EndTxn, 4, body, { on: coordinator })
    if (errorCode !== 0 && !isTransient(errorCode)) throw new Error(errorOf(errorCode).name)
    return errorCode === 0
  })
  await atRest(stage, transactionalId, coordinator)
}
