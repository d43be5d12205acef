import { type Api, DescribeConfigs, IncrementalAlterConfigs } from '@ottla/codec'
import type { Wire } from '../support/wire.ts'
import type { Stage } from './stage.ts'

export const resource = { topic: 2, broker: 4, logger: 8, clientMetrics: 16, group: 32 } as const

export const operation = { set: 0, delete: 1, append: 2, subtract: 3 } as const

/** Sets configs, or deletes those with value null. */
export async function alterConfigs<A extends Api>(
  stage: Stage<A>,
  resourceType: number,
  resourceName: string,
  values: Readonly<Record<string, string | null>>,
): Promise<void> {
  const configs = Object.entries(values).map(([name, value]) => ({
    name,
    configOperation: value === null ? operation.delete : operation.set,
    value,
  }))
  await stage.do(IncrementalAlterConfigs, 1, {
    resources: [{ resourceType, resourceName, configs }],
    validateOnly: false,
  })
}

/** Waits until a broker returns a config with this value; undefined: until it returns none. */
export async function settledConfig<A extends Api>(
  stage: Stage<A>,
  resourceType: number,
  resourceName: string,
  name: string,
  value: string | undefined,
  on: Wire = stage.wire,
): Promise<void> {
  await stage.until(`${name} = ${value}`, async () => {
    const resources = [{ resourceType, resourceName, configurationKeys: [name] }]
    const body = { resources, includeSynonyms: false, includeDocumentation: false }
    const { results } = await stage.do(DescribeConfigs, 4, body, { on })
    return (results[0]?.configs.find((config) => config.name === name)?.value ?? undefined) === value
  })
}
