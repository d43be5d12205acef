import { ApiVersions } from '@ottla/codec'
import type { Release } from '../releases.ts'
import { advertised } from './advertised.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

const softwareName = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

const handle: Handler<typeof ApiVersions> = (
  { apiVersion, cluster },
  { clientSoftwareName, clientSoftwareVersion },
) => {
  const isNamed = softwareName.test(clientSoftwareName) && softwareName.test(clientSoftwareVersion)
  if (apiVersion >= 3 && !isNamed) return { throttleTimeMs: 0, errorCode: codes.of('INVALID_REQUEST'), apiKeys: [] }
  const supported = apiVersion >= 4 ? [...supportedFeatures, ...offFeatures] : supportedFeatures
  const { release } = cluster
  return {
    ...features,
    supportedFeatures: supported,
    ...(release && featuresOf(release, apiVersion)),
    throttleTimeMs: 0,
    errorCode: 0,
    apiKeys: [...advertised(release)],
  }
}

/** What an older broker says of its features. */
function featuresOf({ features: all }: Release, apiVersion: number) {
  return {
    // Clients before version 4 cannot read a feature that may be off (KAFKA-17011).
    supportedFeatures: all
      .filter(({ min }) => apiVersion >= 4 || min > 0)
      .map(({ name, min, max }) => ({ name, minVersion: min, maxVersion: max })),
    finalizedFeatures: all
      .filter(({ level }) => level > 0)
      .map(({ name, level }) => ({ name, minVersionLevel: level, maxVersionLevel: level })),
  }
}

/** Kafka 4.3's. */
const metadataVersion = 30

/** KIP-890: a producer's epoch rises with each transaction, and what it writes to takes part by being written to. */
const transactionVersion = 2

const supportedFeatures = [{ name: 'metadata.version', minVersion: 7, maxVersion: metadataVersion }]
/** Clients before version 4 cannot read a feature that may be off (KAFKA-17011). */
const offFeatures = [{ name: 'transaction.version', minVersion: 0, maxVersion: transactionVersion }]

const features = {
  finalizedFeaturesEpoch: 0n,
  finalizedFeatures: [
    { name: 'metadata.version', minVersionLevel: metadataVersion, maxVersionLevel: metadataVersion },
    { name: 'transaction.version', minVersionLevel: transactionVersion, maxVersionLevel: transactionVersion },
  ],
}

export const apiVersionsHandler = serves(ApiVersions, allVersions(ApiVersions), handle)
