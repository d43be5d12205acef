/**
 * Everything that the comparison with Kafka ignores. In addition, a number that looks like a time between 2015 and 2100 becomes
 * `<time>`, UUIDs are numbered in order of appearance, and a port becomes the name of its listener.
 */

/** Dropped: measured times and counters. */
const dropped: ReadonlySet<string> = new Set([
  // Separate steps about quotas compare whether it is 0.
  'throttleTimeMs',
  // The number of decisions of the controllers so far.
  'finalizedFeaturesEpoch',
])

/** Ids that a cluster assigns; 0 and below mean none. */
const numberedIds: ReadonlySet<string> = new Set(['producerId', 'sessionId'])

/** Random secrets and signatures: only their presence is compared. */
const secrets: ReadonlySet<string> = new Set(['hmac', 'salt', 'authBytes'])

/** Sentences that each broker writes in its own words: only their presence is compared. */
const sentences: ReadonlySet<string> = new Set(['documentation'])

/** Lists in hash table order whose elements are not structs. */
const unordered: ReadonlySet<string> = new Set(['groups', 'supportedFeatures', 'mechanisms'])

export const isDropped = (field: string) => dropped.has(field)
export const isNumberedId = (field: string) => numberedIds.has(field)
export const isSecret = (field: string) => secrets.has(field)
export const isSentence = (field: string) => sentences.has(field)
export const isUnordered = (field: string) => unordered.has(field)
export const isError = (field: string) => field === 'errorCode' || field.endsWith('ErrorCode')
export const isRecords = (field: string) => field === 'records'
