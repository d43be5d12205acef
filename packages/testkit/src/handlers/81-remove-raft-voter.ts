import { RemoveRaftVoter } from '@ottla/codec'
import { type Handler, serves } from './handler.ts'
import { allVersions } from './support.ts'
import { voterProblem, voterRefused } from './voters.ts'

const handle: Handler<typeof RemoveRaftVoter> = (context, request) => {
  const refused = voterProblem(context, request, 'Remove')
  if (refused !== undefined) return refused
  const { state, quorum } = context.cluster.controller
  if ((state.areas.features.get('kraft.version') ?? 0) === 0) {
    const message = "Cluster doesn't support removing voter because the kraft.version feature is 0"
    return voterRefused('UNSUPPORTED_VERSION', message)
  }
  if (!quorum.removeVoter(request.voterId)) {
    const message = `Cannot remove voter ${request.voterId} because it is not part of the set of voters`
    return voterRefused('VOTER_NOT_FOUND', message)
  }
  return { throttleTimeMs: 0, errorCode: 0, errorMessage: null }
}

export const removeRaftVoterHandler = serves(RemoveRaftVoter, allVersions(RemoveRaftVoter), handle)
