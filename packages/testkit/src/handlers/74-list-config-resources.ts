import { ListConfigResources } from '@ottla/codec'
import { configResource } from '../controllers/configs.ts'
import { type Handler, type HandlerContext, serves } from './handler.ts'
import { allVersions, codes } from './support.ts'

const handle: Handler<typeof ListConfigResources> = (context, { resourceTypes }) => {
  const known = Object.values(configResource)
  // Version 0 lists only client metrics.
  const first = [configResource.clientMetrics]
  const wanted = context.apiVersion === 0 ? first : resourceTypes.length === 0 ? known : [...new Set(resourceTypes)]
  if (!wanted.every((type) => (known as readonly number[]).includes(type))) {
    return { throttleTimeMs: 0, errorCode: codes.of('UNSUPPORTED_VERSION'), configResources: [] }
  }
  const configResources = wanted.flatMap((resourceType) =>
    namesOf(context, resourceType).map((resourceName) => ({ resourceName, resourceType })),
  )
  return { throttleTimeMs: 0, errorCode: 0, configResources }
}

function namesOf({ broker: { view } }: HandlerContext, type: number): string[] {
  switch (type) {
    case configResource.topic:
      return Array.from(view.topics(), ({ name }) => name)
    case configResource.broker:
    case configResource.brokerLogger:
      return view.aliveBrokers().map(({ id }) => String(id))
    case configResource.group:
      return [...view.areas.resourceConfigs.groups.keys()]
    default:
      return [...view.areas.resourceConfigs.clientMetrics.keys()]
  }
}

export const listConfigResourcesHandler = serves(ListConfigResources, allVersions(ListConfigResources), handle)
