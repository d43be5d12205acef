/** Sent to brokers (KIP-511); equal to the version in package.json. */
export const clientVersion = '0.0.0'
