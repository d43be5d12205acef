import { IncrementalAlterConfigs } from '@ottla/codec'
import { alterAll } from './alter-configs.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions } from './support.ts'

const handle: Handler<typeof IncrementalAlterConfigs> = (context, { resources, validateOnly }) => {
  const wanted = resources.map(({ resourceType, resourceName, configs }) => ({
    resourceType,
    resourceName,
    changes: configs.map(({ name, configOperation: operation, value }) => ({ name, operation, value })),
  }))
  return { throttleTimeMs: 0, responses: alterAll(context, wanted, { validateOnly, replacesAll: false }) }
}

export const incrementalAlterConfigsHandler = serves(
  IncrementalAlterConfigs,
  allVersions(IncrementalAlterConfigs),
  handle,
)
