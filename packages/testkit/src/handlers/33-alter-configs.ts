import { AlterConfigs } from '@ottla/codec'
import { configOperation } from '../controllers/configs.ts'
import { alterAll } from './alter-configs.ts'
import { type Handler, serves } from './handler.ts'
import { allVersions } from './support.ts'

const handle: Handler<typeof AlterConfigs> = (context, { resources, validateOnly }) => {
  const wanted = resources.map(({ resourceType, resourceName, configs }) => ({
    resourceType,
    resourceName,
    changes: configs.map(({ name, value }) => ({ name, operation: configOperation.set, value })),
  }))
  return { throttleTimeMs: 0, responses: alterAll(context, wanted, { validateOnly, replacesAll: true }) }
}

export const alterConfigsHandler = serves(AlterConfigs, allVersions(AlterConfigs), handle)
