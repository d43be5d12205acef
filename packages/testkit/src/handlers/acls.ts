import { describeAcls } from './29-describe-acls.ts'
import { createAcls } from './30-create-acls.ts'
import { deleteAcls } from './31-delete-acls.ts'
import type { HandlerEntry } from './handler.ts'

/** ACLs: 29–31. That they are kept to is the business of `authorization/`. */
export const aclHandlers: readonly HandlerEntry[] = [describeAcls, createAcls, deleteAcls]
