import { GroupError } from '../coordinators/group-error.ts'
import type { Committer } from '../offsets/offset-shard.ts'
import type { ClassicGroup } from './classic-group.ts'

/** Throws a GroupError when the committer may not commit. */
export function checkCommit(group: ClassicGroup | undefined, committer: Committer): void {
  if (committer.isTransactional) checkTransactional(group, committer)
  else checkPlain(group, committer)
}

function checkPlain(group: ClassicGroup | undefined, committer: Committer): void {
  const { memberId, groupInstanceId, memberEpoch: generationId, apiVersion } = committer
  if (!group) {
    // Without a generation: a consumer that only stores its offsets in Kafka, or an administrator.
    if (generationId < 0) return
    throw new GroupError(apiVersion >= 9 ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION')
  }
  if (generationId < 0 && group.isEmpty) return
  if (generationId < 0 && memberId === '' && groupInstanceId === null) throw new GroupError('UNKNOWN_MEMBER_ID')
  const error = group.validateMember(memberId, groupInstanceId)
  if (error) throw new GroupError(error)
  if (generationId !== group.generationId) throw new GroupError('ILLEGAL_GENERATION')
  if (group.state === 'CompletingRebalance') throw new GroupError('REBALANCE_IN_PROGRESS')
}

/** Unlike a plain commit, one in a transaction is allowed while the group completes a rebalance. */
function checkTransactional(group: ClassicGroup | undefined, committer: Committer): void {
  const { memberId, groupInstanceId, memberEpoch: generationId } = committer
  if (!group) {
    if (generationId < 0) return
    throw new GroupError('ILLEGAL_GENERATION')
  }
  if (generationId < 0 && (group.isEmpty || (memberId === '' && groupInstanceId === null))) return
  const error = group.validateMember(memberId, groupInstanceId)
  if (error) throw new GroupError(error)
  if (generationId !== group.generationId) throw new GroupError('ILLEGAL_GENERATION')
}
