import { offsetCommit } from './08-offset-commit.ts'
import { offsetFetch } from './09-offset-fetch.ts'
import { findCoordinator } from './10-find-coordinator.ts'
import { joinGroup } from './11-join-group.ts'
import { heartbeat } from './12-heartbeat.ts'
import { leaveGroup } from './13-leave-group.ts'
import { syncGroup } from './14-sync-group.ts'
import { describeGroups } from './15-describe-groups.ts'
import { listGroups } from './16-list-groups.ts'
import { saslHandshake } from './17-sasl-handshake.ts'
import { saslAuthenticate } from './36-sasl-authenticate.ts'
import { deleteGroups } from './42-delete-groups.ts'
import { offsetDelete } from './47-offset-delete.ts'
import type { HandlerEntry } from './handler.ts'

/** Groups, their offsets, and SASL: 8–17, 36, 42, 47. */
export const groupHandlers: readonly HandlerEntry[] = [
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  saslHandshake,
  saslAuthenticate,
  deleteGroups,
  offsetDelete,
]
