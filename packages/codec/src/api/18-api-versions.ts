import { api } from '../schema/api.ts'
import { array, bool, int16, int32, int64, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const ApiVersions = /* @__PURE__ */ api({
  key: 18,
  name: 'ApiVersions',
  versions: '0-4',
  flexible: '3+',
  request: {
    clientSoftwareName: string({ versions: '3+', ignorable: true }),
    clientSoftwareVersion: string({ versions: '3+', ignorable: true }),
  },
  response: {
    errorCode: int16(),
    apiKeys: array({ apiKey: int16(), minVersion: int16(), maxVersion: int16() }),
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    supportedFeatures: array(
      { name: string(), minVersion: int16(), maxVersion: int16() },
      { versions: '3+', ignorable: true, tag: 0 },
    ),
    finalizedFeaturesEpoch: int64({ versions: '3+', default: -1n, ignorable: true, tag: 1 }),
    finalizedFeatures: array(
      { name: string(), maxVersionLevel: int16(), minVersionLevel: int16() },
      { versions: '3+', ignorable: true, tag: 2 },
    ),
    zkMigrationReady: bool({ versions: '3+', default: false, ignorable: true, tag: 3 }),
  },
})

export interface ApiVersionsRequest extends Encodable<typeof ApiVersions.request> {}
export interface ApiVersionsResponse extends Decoded<typeof ApiVersions.response> {}
