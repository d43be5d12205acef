import { AlterConfigs, DescribeConfigs } from '@ottla/codec'
import { conformance } from '../case.ts'
import { alterConfigs, resource, settledConfig } from '../configs.ts'

interface Wanted {
  readonly type: number
  readonly name: string
  readonly configs?: Readonly<Record<string, string | null>>
}

const request = (wanted: readonly Wanted[], validateOnly = false) => ({
  resources: wanted.map(({ type, name, configs = {} }) => ({
    resourceType: type,
    resourceName: name,
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  })),
  validateOnly,
})

const described = (type: number, name: string, configurationKeys: string[]) => ({
  resources: [{ resourceType: type, resourceName: name, configurationKeys }],
  includeSynonyms: true,
  includeDocumentation: false,
})

export const alterConfigsOfAll = conformance(AlterConfigs, {
  async valid(stage) {
    const name = stage.name('t')
    await stage.createTopic(name, { configs: { 'retention.ms': 1000 } })
    const keys = ['retention.ms', 'flush.ms', 'cleanup.policy']
    const topic = (configs: Wanted['configs']) => [{ type: resource.topic, name, ...(configs && { configs }) }]
    await stage.ask('only looked at', request(topic({ 'flush.ms': '7' }), true))
    await stage.note('as it was', DescribeConfigs, 4, described(resource.topic, name, keys))
    await stage.ask('one for another', request(topic({ 'flush.ms': ' 7 ', 'cleanup.policy': 'compact' })))
    await settledConfig(stage, resource.topic, name, 'flush.ms', '7')
    await stage.note('replaced', DescribeConfigs, 4, described(resource.topic, name, keys))
    await stage.ask('nothing', request(topic({})))
    await settledConfig(stage, resource.topic, name, 'flush.ms', '9223372036854775807')
    await stage.note('back to the defaults', DescribeConfigs, 4, described(resource.topic, name, keys))
    await stage.ask('none', request([]))
    await stage.ask(
      'a broker, looked at',
      request([{ type: 4, name: '1', configs: { 'log.retention.ms': '5' } }], true),
    )
    const group = stage.name('g')
    await stage.ask(
      'a group',
      request([{ type: 32, name: group, configs: { 'share.isolation.level': 'read_committed' } }]),
    )
    const metrics = stage.name('m')
    await stage.ask('client metrics', request([{ type: 16, name: metrics, configs: { 'interval.ms': '1000' } }]))
    await alterConfigs(stage, resource.group, group, { 'share.isolation.level': null })
    await alterConfigs(stage, resource.clientMetrics, metrics, { 'interval.ms': null })
  },
  async invalid(stage) {
    const name = stage.name('t')
    await stage.createTopic(name)
    const wrong: Readonly<Record<string, Wanted>> = {
      'no number': { type: 2, name, configs: { 'retention.ms': 'soon' } },
      'too small': { type: 2, name, configs: { 'retention.ms': '-2' } },
      null: { type: 2, name, configs: { 'retention.ms': null, 'flush.ms': null } },
      'no such config': { type: 2, name, configs: { 'no.such.config': '1' } },
      'all topics': { type: 2, name: '', configs: { 'retention.ms': '1' } },
      'a name with a blank': { type: 2, name: 'not a name', configs: { 'retention.ms': '1' } },
      'no such type': { type: 99, name: 'x' },
      loggers: { type: 8, name: '1', configs: { root: 'INFO' } },
      'what a broker keeps': { type: 4, name: '1', configs: { 'num.partitions': '5' } },
      'a broker, no number': { type: 4, name: '1', configs: { 'log.retention.ms': 'x' } },
      'a broker that is no number': { type: 4, name: 'one' },
      'all brokers without what they must have': { type: 4, name: '', configs: { 'log.retention.ms': '5' } },
      'all groups': { type: 32, name: '', configs: { 'share.isolation.level': 'read_committed' } },
      'a group, too small': { type: 32, name: 'g', configs: { 'consumer.session.timeout.ms': '1' } },
      'a group, no such config': { type: 32, name: 'g', configs: { 'no.such.config': '1' } },
      'all metrics': { type: 16, name: '', configs: { 'interval.ms': '1000' } },
      'metrics, too often': { type: 16, name: 'm', configs: { 'interval.ms': '1' } },
      'metrics, no such config': { type: 16, name: 'm', configs: { 'no.such.config': '1' } },
    }
    for (const [label, wanted] of Object.entries(wrong)) await stage.ask(label, request([wanted], true))
    // A duplicate topic is not sent: Kafka 4.3.1 never responds to it.
    const retention = { name: 'retention.ms', value: '1' }
    const resources = [{ resourceType: 2, resourceName: name, configs: [retention, retention] }]
    await stage.ask('one config twice', { resources, validateOnly: false })
  },
  async wrongState(stage) {
    const configs = { 'retention.ms': '1' }
    const none = { type: resource.topic, name: stage.name('none'), configs }
    await stage.ask('no such topic', request([none]))
    await stage.ask('no such topic, no config', request([{ type: 2, name: none.name }]))
    const name = stage.name('t')
    await stage.createTopic(name)
    await stage.ask('one that is and one that is not', request([{ type: 2, name, configs }, none]))
    await settledConfig(stage, resource.topic, name, 'retention.ms', '1')
    await stage.ask('another broker', request([{ type: 4, name: '2', configs: { 'log.retention.ms': '5' } }]))
    await stage.ask('no such broker', request([{ type: 4, name: '77', configs: { 'log.retention.ms': '5' } }]))
  },
})
