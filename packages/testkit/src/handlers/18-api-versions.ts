import { ApiVersions } from '@ottla/codec'
import { advertised } from './advertised.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

const softwareName = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

const handle: Handler<typeof ApiVersions> = ({ apiVersion }, { clientSoftwareName, clientSoftwareVersion }) => {
  const isNamed = softwareName.test(clientSoftwareName) && softwareName.test(clientSoftwareVersion)
  if (apiVersion >= 3 && !isNamed) return { throttleTimeMs: 0, errorCode: codes.of('INVALID_REQUEST'), apiKeys: [] }
  return { ...features, throttleTimeMs: 0, errorCode: 0, apiKeys: [...advertised()] }
}

/** Kafka 4.3's. */
const metadataVersion = 30

/** What the controller's log is written in; no feature is on that changes what clients have to do. */
const features = {
  supportedFeatures: [{ name: 'metadata.version', minVersion: 7, maxVersion: metadataVersion }],
  finalizedFeaturesEpoch: 0n,
  finalizedFeatures: [{ name: 'metadata.version', minVersionLevel: metadataVersion, maxVersionLevel: metadataVersion }],
}

export const apiVersionsHandler = serves(ApiVersions, allVersions(ApiVersions), handle)
