import { ApiVersions } from '@ottla/codec'
import { advertised } from './advertised.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

const softwareName = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

const handle: Handler<typeof ApiVersions> = ({ apiVersion }, { clientSoftwareName, clientSoftwareVersion }) => {
  const isNamed = softwareName.test(clientSoftwareName) && softwareName.test(clientSoftwareVersion)
  if (apiVersion >= 3 && !isNamed) return { throttleTimeMs: 0, errorCode: codes.of('INVALID_REQUEST'), apiKeys: [] }
  const supported = apiVersion >= 4 ? [...supportedFeatures, ...offFeatures] : supportedFeatures
  return { ...features, supportedFeatures: supported, throttleTimeMs: 0, errorCode: 0, apiKeys: [...advertised()] }
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
