import { ApiVersions } from '@ottla/codec'
import { supportedFeatures } from '../state/features.ts'
import type { Release } from '../state/releases.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

const softwareName = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

const handle: Handler<typeof ApiVersions> = (
  { apiVersion, broker, cluster: { release }, advertised },
  { clientSoftwareName, clientSoftwareVersion },
) => {
  const isNamed = softwareName.test(clientSoftwareName) && softwareName.test(clientSoftwareVersion)
  if (apiVersion >= 3 && !isNamed) return { throttleTimeMs: 0, errorCode: codes.of('INVALID_REQUEST'), apiKeys: [] }
  const { features, metadataOffset } = broker.view.areas
  const finalizedFeatures = Array.from(features, ([name, level]) => ({
    name,
    minVersionLevel: level,
    maxVersionLevel: level,
  }))
  return {
    supportedFeatures: supportedFeatures
      // Clients before version 4 cannot read a feature that may be off (KAFKA-17011).
      .filter(({ min }) => apiVersion >= 4 || min > 0)
      .map(({ name, min, max }) => ({ name, minVersion: min, maxVersion: max })),
    // The last decision that this broker has applied.
    finalizedFeaturesEpoch: BigInt(metadataOffset - 1),
    finalizedFeatures,
    ...(release && featuresOf(release, apiVersion)),
    throttleTimeMs: 0,
    errorCode: 0,
    apiKeys: [...advertised],
  }
}

/** The features of an older release. */
function featuresOf({ features: all }: Release, apiVersion: number) {
  return {
    // Clients before version 4 cannot read a feature that may be off (KAFKA-17011).
    supportedFeatures: all
      .filter(({ min }) => apiVersion >= 4 || min > 0)
      .map(({ name, min, max }) => ({ name, minVersion: min, maxVersion: max })),
  }
}

export const apiVersionsHandler = serves(ApiVersions, allVersions(ApiVersions), handle)
