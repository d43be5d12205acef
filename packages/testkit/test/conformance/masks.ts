/**
 * All that the comparison with Kafka does not look at, in one place. Besides these, whatever looks like a moment between
 * 2015 and 2100 is `<time>`, a UUID is numbered in the order of its appearance, and a port is the name of its listener.
 */

/** Left out: how long a broker took or wants others to wait, and what is made by chance. */
const dropped: ReadonlySet<string> = new Set([
  // Quotas are compared by steps of their own, which look at whether it is 0.
  'throttleTimeMs',
  // How many decisions the controllers have taken so far.
  'finalizedFeaturesEpoch',
])

/** Numbers that a cluster gives out; 0 and below mean that there is none. */
const numberedIds: ReadonlySet<string> = new Set(['producerId', 'sessionId'])

/** Secrets and signatures made by chance: whether there are some. */
const secrets: ReadonlySet<string> = new Set(['hmac', 'salt', 'authBytes'])

/** Lists whose order is that of a hash table, though their elements are not structs. */
const unordered: ReadonlySet<string> = new Set(['groups', 'supportedFeatures', 'mechanisms'])

export const isDropped = (field: string) => dropped.has(field)
export const isNumberedId = (field: string) => numberedIds.has(field)
export const isSecret = (field: string) => secrets.has(field)
export const isUnordered = (field: string) => unordered.has(field)
export const isError = (field: string) => field === 'errorCode' || field.endsWith('ErrorCode')
export const isRecords = (field: string) => field === 'records'
