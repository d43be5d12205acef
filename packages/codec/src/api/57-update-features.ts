import { api } from '../schema/api.ts'
import { array, bool, int8, int16, int32, string } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

export const UpdateFeatures = /* @__PURE__ */ api({
  key: 57,
  name: 'UpdateFeatures',
  versions: '0-2',
  flexible: '0+',
  request: {
    timeoutMs: int32({ default: 60000 }),
    featureUpdates: array({
      feature: string(),
      maxVersionLevel: int16(),
      allowDowngrade: bool({ versions: '0' }),
      upgradeType: int8({ versions: '1+', default: 1 }),
    }),
    validateOnly: bool({ versions: '1+', default: false }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
    results: array(
      { feature: string(), errorCode: int16(), errorMessage: string({ nullable: true }) },
      { versions: '0-1', ignorable: true },
    ),
  },
})

export interface UpdateFeaturesRequest extends Encodable<typeof UpdateFeatures.request> {}
export interface UpdateFeaturesResponse extends Decoded<typeof UpdateFeatures.response> {}
