import { ListTransactions } from '@ottla/codec'
import { compileRe2 } from '../state/re2.ts'
import { transactionStates } from '../state/transactions/transaction.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

/** Kafka's states that no transaction has here; filters may name them. */
const otherStates = ['Dead', 'PrepareEpochFence']

const handle: Handler<typeof ListTransactions> = ({ broker, now }, request) => {
  const { stateFilters, producerIdFilters, durationFilter } = request
  const known: readonly string[] = [...transactionStates, ...otherStates]
  const unknownStateFilters = stateFilters.filter((state) => !known.includes(state))
  const pattern = request.transactionalIdPattern
  const regex = pattern ? compileRe2(pattern) : undefined
  if (pattern && regex === undefined) {
    const errorCode = codes.of('INVALID_REGULAR_EXPRESSION')
    return { throttleTimeMs: 0, errorCode, unknownStateFilters: [], transactionStates: [] }
  }
  const shards = broker.services.transactions.shards()
  if (typeof shards === 'string') {
    return { throttleTimeMs: 0, errorCode: codes.of(shards), unknownStateFilters: [], transactionStates: [] }
  }
  const found = shards
    .flatMap((shard) => [...shard.transactions.values()])
    .filter(({ image }) => producerIdFilters.length === 0 || producerIdFilters.includes(image.producerId))
    .filter(({ image }) => stateFilters.length === 0 || stateFilters.includes(image.state))
    .filter(({ image }) => durationFilter < 0n || now() - image.startMs > Number(durationFilter))
    .filter(({ transactionalId }) => regex === undefined || regex.test(transactionalId))
    .map(({ transactionalId, image }) => ({
      transactionalId,
      producerId: image.producerId,
      transactionState: image.state,
    }))
  return { throttleTimeMs: 0, errorCode: 0, unknownStateFilters, transactionStates: found }
}

export const listTransactionsHandler = serves(ListTransactions, allVersions(ListTransactions), handle)
