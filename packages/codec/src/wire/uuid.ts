/** Kafka's uuid for "none": sixteen zero bytes, as 22 characters of base64url. */
export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA'
