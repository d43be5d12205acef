import { DescribeUserScramCredentials, errorCode } from '@ottla/codec'
import { scramMechanisms } from '../state/rights/users-scram.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions, oncePerName } from './support.ts'

const handle: Handler<typeof DescribeUserScramCredentials> = ({ broker }, request) => {
  const { scramUsers } = broker.view.areas
  const requested = request.users ?? []
  const users = requested.length === 0 ? Array.from(scramUsers.keys(), (name) => ({ name })) : requested
  const results = oncePerName(users, ({ name }) => name).map(({ item: { name: user }, isRepeated }) => {
    const credentials = scramUsers.get(user)
    if (isRepeated) {
      const errorMessage = `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`
      return { user, errorCode: errorCode('DUPLICATE_RESOURCE'), errorMessage, credentialInfos: [] }
    }
    if (credentials === undefined) {
      const errorMessage = `Attempt to describe a user credential that does not exist: ${user}`
      return { user, errorCode: errorCode('RESOURCE_NOT_FOUND'), errorMessage, credentialInfos: [] }
    }
    const credentialInfos = Array.from(credentials, ([mechanism, { iterations }]) => ({
      mechanism: scramMechanisms.indexOf(mechanism) + 1,
      iterations,
    }))
    return { user, errorCode: 0, errorMessage: '', credentialInfos }
  })
  return { throttleTimeMs: 0, errorCode: 0, errorMessage: '', results }
}

export const describeUserScramCredentialsHandler = serves(
  DescribeUserScramCredentials,
  allVersions(DescribeUserScramCredentials),
  handle,
)
