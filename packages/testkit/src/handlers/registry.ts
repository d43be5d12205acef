import { aclHandlers } from './acls.ts'
import { advertise } from './advertised.ts'
import { configHandlers } from './configs.ts'
import { consumerGroupHandlers } from './consumer-groups.ts'
import { coreHandlers } from './core.ts'
import { groupHandlers } from './groups.ts'
import type { HandlerEntry } from './handler.ts'
import { operationHandlers } from './operations.ts'
import { securityHandlers } from './security.ts'
import { shareHandlers } from './share.ts'
import { transactionHandlers } from './transactions.ts'

/** All that a broker answers, ordered by API key. What is not here is not advertised: see `unsupported.ts`. */
export const handlers: readonly HandlerEntry[] = [
  ...coreHandlers,
  ...groupHandlers,
  ...transactionHandlers,
  ...aclHandlers,
  ...securityHandlers,
  ...configHandlers,
  ...operationHandlers,
  ...shareHandlers,
  ...consumerGroupHandlers,
].sort((a, b) => a.api.key - b.api.key)

const byKey = new Map(handlers.map((entry) => [entry.api.key, entry]))

advertise(handlers)

export function handlerOf(apiKey: number): HandlerEntry | undefined {
  return byKey.get(apiKey)
}
