import { ListConfigResources } from '@ottla/codec'
import { conformance } from '../case.ts'
import { alterConfigs, resource, settledConfig } from '../configs.ts'
import type { Stage } from '../stage.ts'

type ListStage = Stage<typeof ListConfigResources>

const request = (version: number, ...types: readonly number[]) => (version >= 1 ? { resourceTypes: [...types] } : {})

/** Only this part's resources: the cluster has topics, groups and metrics of other parts. */
async function mine(stage: ListStage, label: string, version: number, ...types: readonly number[]): Promise<void> {
  const response = await stage.do(ListConfigResources, version, request(version, ...types))
  const configResources = response.configResources.filter(({ resourceName, resourceType }) => {
    return (
      resourceName.startsWith(stage.name('')) || resourceType === resource.broker || resourceType === resource.logger
    )
  })
  stage.saw(label, { ...response, configResources })
}

export const listConfigResources = conformance(ListConfigResources, {
  async valid(stage, version) {
    await stage.createTopic(stage.name('t'))
    const [group, metrics] = [stage.name('g'), stage.name('m')]
    await alterConfigs(stage, resource.group, group, { 'share.isolation.level': 'read_committed' })
    await alterConfigs(stage, resource.clientMetrics, metrics, { 'interval.ms': '5000' })
    await settledConfig(stage, resource.group, group, 'share.isolation.level', 'read_committed')
    await settledConfig(stage, resource.clientMetrics, metrics, 'interval.ms', '5000')
    await mine(stage, 'all', version)
    for (const type of version >= 1 ? Object.values(resource) : []) await mine(stage, `type ${type}`, version, type)
    if (version >= 1) await mine(stage, 'two types', version, resource.group, resource.topic)
    if (version >= 1) await mine(stage, 'one type twice', version, resource.group, resource.group)
    await alterConfigs(stage, resource.group, group, { 'share.isolation.level': null })
    await alterConfigs(stage, resource.clientMetrics, metrics, { 'interval.ms': null })
    await stage.until('they are gone', async () => {
      const { configResources } = await stage.do(ListConfigResources, 1, request(1))
      return !configResources.some(({ resourceName }) => resourceName === group || resourceName === metrics)
    })
    await mine(stage, 'after they were taken away', version)
  },
  async invalid(stage, version) {
    if (version === 0) {
      // An empty request cannot be invalid.
      await mine(stage, 'nothing', version)
      return
    }
    for (const type of [0, 1, 3, 99, -1]) await stage.ask(`type ${type}`, request(version, type))
    await stage.ask('a type beside one that is not', request(version, resource.topic, 99))
  },
  async wrongState(stage, version) {
    const other = await stage.open({ broker: 3 })
    const response = await stage.do(ListConfigResources, version, request(version), { on: other })
    const configResources = response.configResources.filter(({ resourceType }) => resourceType === resource.broker)
    stage.saw('on another broker', { ...response, configResources })
    await mine(stage, 'none of them is there', version)
  },
})
