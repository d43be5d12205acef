import { AddRaftVoter, type Decoded } from '@ottla/codec'
import { type Handler, serves } from './handler.ts'
import { allVersions } from './support.ts'
import { controllerListener, voterProblem, voterRefused } from './voters.ts'

type Listeners = Decoded<typeof AddRaftVoter.request>['listeners']

const handle: Handler<typeof AddRaftVoter> = (context, request) => {
  const refused = voterProblem(context, request, 'Add')
  if (refused !== undefined) return refused
  const { listeners } = request
  if (!listeners.some(({ name }) => name === controllerListener)) {
    const what = `the endpoint (${endpointsOf(listeners)}) for the default listener ListenerName(${controllerListener})`
    return voterRefused('INVALID_REQUEST', `Add voter request didn't include ${what}`)
  }
  const level = context.cluster.controller.state.areas.features.get('kraft.version') ?? 0
  if (level === 0) {
    const message = "Cluster doesn't support adding voter because the kraft.version feature is 0"
    return voterRefused('UNSUPPORTED_VERSION', message)
  }
  if (context.cluster.controller.quorum.isVoter(request.voterId)) {
    return voterRefused('DUPLICATE_VOTER', `The voter id for ${request.voterId} is already part of the set of voters`)
  }
  // Controllers are brokers here, so there is no new controller at the given address.
  return voterRefused('REQUEST_TIMED_OUT', `New voter ${request.voterId} isn't ready`)
}

function endpointsOf(listeners: Listeners): string {
  const all = listeners.map(({ name, host, port }) => `ListenerName(${name})=${host}/<unresolved>:${port}`)
  return `Endpoints(endpoints={${all.join(', ')}})`
}

export const addRaftVoterHandler = serves(AddRaftVoter, allVersions(AddRaftVoter), handle)
