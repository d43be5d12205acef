import { AlterUserScramCredentials } from '@ottla/codec'
import { alterScramUsers } from '../controllers/scram-users.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

const handle: Handler<typeof AlterUserScramCredentials> = ({ cluster }, request) => ({
  throttleTimeMs: 0,
  results: alterScramUsers(cluster.controller, request).map(({ user, problem }) => ({
    user,
    errorCode: codes.of(problem?.error),
    errorMessage: problem?.message ?? null,
  })),
})

export const alterUserScramCredentialsHandler = serves(
  AlterUserScramCredentials,
  allVersions(AlterUserScramCredentials),
  handle,
)
