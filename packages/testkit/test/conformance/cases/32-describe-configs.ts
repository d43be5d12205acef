import { CreateTopics, DeleteTopics, DescribeConfigs, IncrementalAlterConfigs } from '@ottla/codec'
import { conformance } from '../case.ts'
import { alterConfigs, resource, settledConfig } from '../configs.ts'

interface Wanted {
  readonly type: number
  readonly name: string
  readonly keys?: readonly string[] | null
}

const request = (version: number, wanted: readonly Wanted[], includeSynonyms = true, includeDocumentation = false) => ({
  resources: wanted.map(({ type, name, keys = null }) => ({
    resourceType: type,
    resourceName: name,
    configurationKeys: keys && [...keys],
  })),
  includeSynonyms,
  ...(version >= 3 && { includeDocumentation }),
})

/** Configs that differ between the two clusters: paths, ports, security, and the detection of dead brokers. */
const sameOnBoth = [
  'auto.create.topics.enable',
  'background.threads',
  'broker.id',
  'broker.rack',
  'compression.type',
  'default.replication.factor',
  'delete.topic.enable',
  'group.coordinator.rebalance.protocols',
  'group.initial.rebalance.delay.ms',
  'group.min.session.timeout.ms',
  'log.cleaner.io.max.bytes.per.second',
  'log.cleaner.min.cleanable.ratio',
  'log.cleanup.policy',
  'log.retention.hours',
  'log.retention.ms',
  'log.roll.jitter.ms',
  'log.segment.bytes',
  'max.connections.per.ip.overrides',
  'message.max.bytes',
  'metric.reporters',
  'min.insync.replicas',
  'node.id',
  'num.partitions',
  'offsets.topic.num.partitions',
  'producer.id.expiration.ms',
  'quota.window.num',
  'sasl.jaas.config',
  'sasl.login.refresh.window.jitter',
  'ssl.client.auth',
  'ssl.enabled.protocols',
  'ssl.key.password',
  'unclean.leader.election.enable',
]

/** All except the intervals between assignments, which are 0 in the testkit. */
const groupKeys = [
  'consumer.heartbeat.interval.ms',
  'consumer.session.timeout.ms',
  'share.auto.offset.reset',
  'share.delivery.count.limit',
  'share.heartbeat.interval.ms',
  'share.isolation.level',
  'share.partition.max.record.locks',
  'share.record.lock.duration.ms',
  'share.renew.acknowledge.enable',
  'share.session.timeout.ms',
  'streams.heartbeat.interval.ms',
  'streams.num.standby.replicas',
  'streams.session.timeout.ms',
]

export const describeConfigs = conformance(DescribeConfigs, {
  async valid(stage, version) {
    const topic = stage.name('t')
    await stage.createTopic(topic, { configs: { 'retention.ms': 1000, 'cleanup.policy': 'compact, delete' } })
    await stage.ask('a topic', request(version, [{ type: resource.topic, name: topic }]))
    await stage.ask('a topic, without synonyms', request(version, [{ type: resource.topic, name: topic }], false))
    const some = { type: resource.topic, name: topic, keys: ['retention.ms', 'cleanup.policy', 'no.such.config'] }
    await stage.ask('some of a topic', request(version, [some]))
    await stage.ask('none of a topic by name', request(version, [{ ...some, keys: [] }]))
    await stage.ask(
      'two in one request',
      request(version, [some, { type: resource.broker, name: '1', keys: ['num.partitions'] }]),
    )
    await stage.ask('a broker', request(version, [{ type: resource.broker, name: '1', keys: sameOnBoth }]))
    await stage.ask('all brokers', request(version, [{ type: resource.broker, name: '', keys: sameOnBoth }]))
    await stage.ask('loggers', request(version, [{ type: resource.logger, name: '1', keys: ['root', 'no.such'] }]))
    const group = stage.name('g')
    const metrics = stage.name('m')
    await stage.ask('a group', request(version, [{ type: resource.group, name: group, keys: groupKeys }]))
    await stage.ask('client metrics', request(version, [{ type: resource.clientMetrics, name: metrics }]))
    await alterConfigs(stage, resource.group, group, { 'consumer.session.timeout.ms': '50000' })
    await alterConfigs(stage, resource.clientMetrics, metrics, { 'interval.ms': '5000', match: 'client_id=a' })
    await settledConfig(stage, resource.group, group, 'consumer.session.timeout.ms', '50000')
    await settledConfig(stage, resource.clientMetrics, metrics, 'interval.ms', '5000')
    await stage.ask('a group that has some', request(version, [{ type: resource.group, name: group, keys: groupKeys }]))
    await stage.ask('client metrics that are set', request(version, [{ type: resource.clientMetrics, name: metrics }]))
    await alterConfigs(stage, resource.group, group, { 'consumer.session.timeout.ms': null })
    await alterConfigs(stage, resource.clientMetrics, metrics, { 'interval.ms': null, match: null })
  },
  async invalid(stage, version) {
    const types = { 'type 0': 0, 'type 1': 1, 'type 3': 3, 'type 99': 99 }
    for (const [label, type] of Object.entries(types)) {
      await stage.ask(label, request(version, [{ type, name: 'x' }]))
    }
    await stage.ask(
      'a wrong type beside a topic',
      request(version, [
        { type: 99, name: 'x' },
        { type: 2, name: 'x' },
      ]),
    )
    await stage.ask('a name with a blank', request(version, [{ type: resource.topic, name: 'not a name' }]))
    await stage.ask('a topic without a name', request(version, [{ type: resource.topic, name: '' }]))
    await stage.ask('a broker that is no number', request(version, [{ type: resource.broker, name: 'one' }]))
    await stage.ask('loggers of all brokers', request(version, [{ type: resource.logger, name: '' }]))
    await stage.ask('loggers of what is no number', request(version, [{ type: resource.logger, name: 'one' }]))
    await stage.ask('a group without a name', request(version, [{ type: resource.group, name: '' }]))
    await stage.ask('metrics without a name', request(version, [{ type: resource.clientMetrics, name: '' }]))
    await stage.ask('nothing', request(version, []))
  },
  async wrongState(stage, version) {
    await stage.ask('no such topic', request(version, [{ type: resource.topic, name: stage.name('none') }]))
    await stage.ask('another broker', request(version, [{ type: resource.broker, name: '2' }]))
    await stage.ask('no such broker', request(version, [{ type: resource.broker, name: '77' }]))
    await stage.ask('loggers of another broker', request(version, [{ type: resource.logger, name: '2' }]))
    const topic = stage.name('t')
    const plan = { name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
    await stage.do(CreateTopics, 7, { topics: [plan], timeoutMs: 10_000 })
    await stage.do(DeleteTopics, 5, { topicNames: [topic], timeoutMs: 10_000 })
    await stage.until('it is gone', async () => {
      const resources = [{ resourceType: 2, resourceName: topic, configs: [] }]
      const { responses } = await stage.do(IncrementalAlterConfigs, 1, { resources, validateOnly: true })
      return responses[0]?.errorCode === 3
    })
    await settledConfig(stage, resource.topic, topic, 'retention.ms', undefined)
    await stage.ask('a deleted topic', request(version, [{ type: resource.topic, name: topic }]))
  },
})

/** The testkit documents configs in its own words: only the presence of a sentence is compared. */
export const describeDocumentation = conformance(DescribeConfigs, {
  async valid(stage, version) {
    if (version < 3) return
    const topic = stage.name('documented')
    await stage.createTopic(topic)
    const keys = ['retention.ms']
    await stage.ask('with documentation', request(version, [{ type: resource.topic, name: topic, keys }], false, true))
  },
})
