import { type ErrorName, zeroUuid } from '@ottla/codec'
import type { HandlerContext } from './handler.ts'
import { codes } from './support.ts'

/** The listener for traffic between controllers. */
export const controllerListener = 'CONTROLLER'

export interface VoterRequest {
  readonly clusterId: string | null
  readonly voterId: number
  readonly voterDirectoryId: string
}

export function voterRefused(error: ErrorName, errorMessage: string) {
  return { throttleTimeMs: 0, errorCode: codes.of(error), errorMessage }
}

/** Rejects requests for another cluster, and without a valid voter. */
export function voterProblem(
  { cluster }: HandlerContext,
  { clusterId, voterId, voterDirectoryId }: VoterRequest,
  verb: 'Add' | 'Remove',
): ReturnType<typeof voterRefused> | undefined {
  if (clusterId !== null && clusterId !== cluster.clusterId) {
    const message = `The given id "${clusterId}" doesn't match the cluster id "${cluster.clusterId}"`
    return voterRefused('INCONSISTENT_CLUSTER_ID', message)
  }
  if (voterId >= 0 && voterDirectoryId !== zeroUuid) return undefined
  return voterRefused('INVALID_REQUEST', `${verb} voter request didn't include a valid voter`)
}
