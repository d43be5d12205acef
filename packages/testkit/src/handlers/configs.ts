import { alterConfigsHandler } from './33-alter-configs.ts'
import { describeClientQuotasHandler } from './48-describe-client-quotas.ts'
import { alterClientQuotasHandler } from './49-alter-client-quotas.ts'
import { listConfigResourcesHandler } from './74-list-config-resources.ts'
import type { HandlerEntry } from './handler.ts'

/** Configs beyond those of topics, and quotas. */
export const configHandlers: readonly HandlerEntry[] = [
  alterConfigsHandler,
  describeClientQuotasHandler,
  alterClientQuotasHandler,
  listConfigResourcesHandler,
]
