/** The states of a transaction; the index is Kafka's number of the state. */
export const transactionStates = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
] as const

export type TransactionState = (typeof transactionStates)[number]

export const NO_PRODUCER = -1n
const NO_EPOCH = -1
const maxEpoch = 32_767

/** The logged state of a transactional id. Immutable: a change creates a new one. */
export interface TransactionImage {
  readonly producerId: bigint
  /** The id before the last change; it differs only after its epochs were exhausted. */
  readonly previousProducerId: bigint
  /** Set when this id's epochs are exhausted: the id after the transaction completes. */
  readonly nextProducerId: bigint
  readonly producerEpoch: number
  /** The epoch before the last bump by InitProducerId; it identifies a retry of that request. */
  readonly lastProducerEpoch: number
  readonly timeoutMs: number
  readonly state: TransactionState
  /** Topic → partitions. */
  readonly partitions: ReadonlyMap<string, ReadonlySet<number>>
  /** -1: no open transaction. */
  readonly startMs: number
  readonly lastUpdateMs: number
  /** 2: the client's epoch rises with each transaction (KIP-890). */
  readonly clientVersion: number
}

/** A transactional id at its coordinator. */
export interface Transaction {
  readonly transactionalId: string
  image: TransactionImage
  /** A change is being written to the log: other requests get CONCURRENT_TRANSACTIONS. */
  isChanging: boolean
}

const noPartitions: TransactionImage['partitions'] = new Map()

export function newImage(producerId: bigint, timeoutMs: number, nowMs: number): TransactionImage {
  return {
    producerId,
    previousProducerId: NO_PRODUCER,
    nextProducerId: NO_PRODUCER,
    producerEpoch: NO_EPOCH,
    lastProducerEpoch: NO_EPOCH,
    timeoutMs,
    state: 'Empty',
    partitions: noPartitions,
    startMs: -1,
    lastUpdateMs: nowMs,
    clientVersion: 0,
  }
}

/** The last epoch is reserved for the coordinator, which fences with it. */
export function isEpochExhausted({ producerEpoch }: TransactionImage): boolean {
  return producerEpoch >= maxEpoch - 1
}

export function supportsEpochBump({ clientVersion }: TransactionImage): boolean {
  return clientVersion >= 2
}

/** InitProducerId with epochs left. `expectedEpoch`: the producer's current epoch; undefined for a new producer. */
export function withNextEpoch(
  image: TransactionImage,
  { timeoutMs, expectedEpoch, nowMs }: { timeoutMs: number; expectedEpoch: number | undefined; nowMs: number },
): TransactionImage | 'PRODUCER_FENCED' {
  const { producerEpoch, lastProducerEpoch } = image
  const begun = { ...image, ...atRest, state: 'Empty', timeoutMs, lastUpdateMs: nowMs } as const
  if (expectedEpoch === undefined) {
    return { ...begun, producerEpoch: producerEpoch + 1, lastProducerEpoch: NO_EPOCH }
  }
  if (producerEpoch === NO_EPOCH || expectedEpoch === producerEpoch) {
    return { ...begun, producerEpoch: producerEpoch + 1, lastProducerEpoch: producerEpoch }
  }
  // A retry: the response to the same request was lost.
  return expectedEpoch === lastProducerEpoch ? begun : 'PRODUCER_FENCED'
}

/** InitProducerId without epochs left: the producer continues with another id. */
export function withNextProducerId(
  image: TransactionImage,
  { producerId, timeoutMs, isKnown, nowMs }: { producerId: bigint; timeoutMs: number; isKnown: boolean; nowMs: number },
): TransactionImage {
  return {
    ...image,
    ...atRest,
    previousProducerId: image.producerId,
    producerId,
    producerEpoch: 0,
    lastProducerEpoch: isKnown ? image.producerEpoch : NO_EPOCH,
    timeoutMs,
    state: 'Empty',
    lastUpdateMs: nowMs,
  }
}

const atRest = { partitions: noPartitions, startMs: -1, nextProducerId: NO_PRODUCER }

/** Adds partitions; the first ones open the transaction. */
export function withPartitions(
  image: TransactionImage,
  added: readonly TopicPartitions[],
  { clientVersion, nowMs }: { readonly clientVersion: number; readonly nowMs: number },
): TransactionImage {
  const partitions = new Map(image.partitions)
  for (const { topic, partitions: more } of added) {
    partitions.set(topic, new Set([...(partitions.get(topic) ?? []), ...more]))
  }
  const startMs = image.state === 'Ongoing' ? image.startMs : nowMs
  return { ...image, state: 'Ongoing', partitions, startMs, lastUpdateMs: nowMs, clientVersion }
}

export interface TopicPartitions {
  readonly topic: string
  readonly partitions: readonly number[]
}

export function hasPartitions({ partitions }: TransactionImage, added: readonly TopicPartitions[]): boolean {
  return added.every(({ topic, partitions: more }) => more.every((each) => partitions.get(topic)?.has(each)))
}

/** The transaction is decided. With KIP-890 the epoch rises here, which fences late writes. */
export function prepared(
  image: TransactionImage,
  {
    committed,
    clientVersion,
    nextProducerId = NO_PRODUCER,
    nowMs,
  }: { committed: boolean; clientVersion: number; nextProducerId?: bigint; nowMs: number },
): TransactionImage {
  const { producerEpoch } = image
  const bumped = { producerEpoch: producerEpoch + 1, lastProducerEpoch: producerEpoch }
  return {
    ...image,
    ...(clientVersion >= 2 && bumped),
    state: committed ? 'PrepareCommit' : 'PrepareAbort',
    nextProducerId,
    startMs: image.state === 'Ongoing' ? image.startMs : nowMs,
    lastUpdateMs: nowMs,
    clientVersion,
  }
}

/** All partitions have their markers. */
export function completed(image: TransactionImage, nowMs: number): TransactionImage {
  const { nextProducerId } = image
  const isRotated = supportsEpochBump(image) && nextProducerId !== NO_PRODUCER
  return {
    ...image,
    ...(isRotated && { previousProducerId: image.producerId, producerId: nextProducerId, producerEpoch: 0 }),
    nextProducerId: NO_PRODUCER,
    state: image.state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort',
    partitions: noPartitions,
    lastUpdateMs: nowMs,
  }
}
