import { UpdateFeatures } from '@ottla/codec'
import { updateFeatures } from '../controllers/features.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

const failed = 'The update failed for all features since the following feature had an error: '

const handle: Handler<typeof UpdateFeatures> = ({ cluster }, { featureUpdates, validateOnly }) => {
  // Version 0 has allowDowngrade instead, which Kafka ignores: it can only upgrade.
  const updates = featureUpdates.map(({ feature, maxVersionLevel, upgradeType }) => ({
    name: feature,
    level: maxVersionLevel,
    upgradeType,
  }))
  const problem = updateFeatures(cluster.controller, updates, validateOnly)
  if (problem !== undefined) {
    const errorCode = codes.of('INVALID_UPDATE_VERSION')
    return { throttleTimeMs: 0, errorCode, errorMessage: `${failed}${problem}`, results: [] }
  }
  const results = updates.map(({ name }) => ({ feature: name, errorCode: 0, errorMessage: 'NONE' }))
  return { throttleTimeMs: 0, errorCode: 0, errorMessage: null, results }
}

export const updateFeaturesHandler = serves(UpdateFeatures, allVersions(UpdateFeatures), handle)
