import { DescribeConfigs, IncrementalAlterConfigs } from '@ottla/codec'
import { conformance } from '../case.ts'
import { alterConfigs, operation, resource, settledConfig } from '../configs.ts'

type Change = readonly [name: string, operation: number, value: string | null]

interface Wanted {
  readonly type: number
  readonly name: string
  readonly changes?: readonly Change[]
}

const { set, append, subtract } = operation
const remove = operation.delete

const request = (wanted: readonly Wanted[], validateOnly = false) => ({
  resources: wanted.map(({ type, name, changes = [] }) => ({
    resourceType: type,
    resourceName: name,
    configs: changes.map(([key, configOperation, value]) => ({ name: key, configOperation, value })),
  })),
  validateOnly,
})

const described = (type: number, name: string, configurationKeys: string[]) => ({
  resources: [{ resourceType: type, resourceName: name, configurationKeys }],
  includeSynonyms: true,
  includeDocumentation: false,
})

/** Only validated: nothing changes. */
const badTopicChanges: readonly Change[] = [
  ['retention.ms', set, 'soon'],
  ['retention.ms', set, '-2'],
  ['retention.ms', set, ''],
  ['retention.ms', set, null],
  ['retention.ms', append, '1'],
  ['retention.ms', subtract, '1'],
  ['cleanup.policy', set, 'forget'],
  ['compression.type', set, 'none'],
  ['compression.gzip.level', set, '0'],
  ['compression.lz4.level', set, '18'],
  ['compression.zstd.level', set, '23'],
  ['follower.replication.throttled.replicas', set, 'x'],
  ['local.retention.ms', set, '-3'],
  ['max.message.bytes', set, '1e3'],
  ['message.timestamp.type', set, 'Never'],
  ['min.cleanable.dirty.ratio', set, '1.5'],
  ['min.cleanable.dirty.ratio', set, 'half'],
  ['min.compaction.lag.ms', set, '9223372036854775808'],
  ['min.insync.replicas', set, '0'],
  ['min.insync.replicas', set, '9999999999'],
  ['preallocate', set, 'perhaps'],
  ['remote.storage.enable', set, 'true'],
  ['segment.bytes', set, '10'],
  ['no.such.config', set, '1'],
  ['no.such.config', append, '1'],
]

const badBrokerChanges: readonly Change[] = [
  ['log.retention.ms', set, 'x'],
  ['log.retention.ms', set, '0'],
  ['log.retention.ms', set, null],
  ['log.retention.ms', append, '1'],
  ['log.retention.ms', subtract, '1'],
  ['log.retention.ms', 9, '1'],
  ['message.max.bytes', set, '-1'],
  ['compression.type', set, 'none'],
  ['log.cleanup.policy', set, 'forget'],
  ['log.cleaner.min.cleanable.ratio', set, '2'],
  ['num.partitions', set, '3'],
  ['log.retention.hours', set, '5'],
  ['num.io.threads', set, '100'],
  ['num.io.threads', set, '2'],
  ['num.network.threads', set, '7'],
  ['log.cleaner.threads', set, '9'],
  ['ssl.keystore.type', set, 'JKS'],
  ['log.segment.bytes', set, '100'],
  ['unclean.leader.election.enable', set, 'maybe'],
  ['max.connections', set, '-1'],
  ['max.connections.per.ip', set, '0'],
  ['max.connection.creation.rate', set, '0'],
  ['leader.replication.throttled.rate', set, '-1'],
  ['producer.id.expiration.ms', set, '0'],
  ['log.local.retention.ms', set, '99999999999'],
  ['principal.builder.class', set, 'x'],
  ['no.such.config', append, '1'],
]

const badGroupChanges: readonly Change[] = [
  ['consumer.session.timeout.ms', set, 'x'],
  ['consumer.session.timeout.ms', set, '0'],
  ['consumer.session.timeout.ms', set, '1'],
  ['consumer.session.timeout.ms', set, '99999999'],
  ['consumer.session.timeout.ms', set, null],
  ['consumer.session.timeout.ms', append, '1'],
  ['consumer.heartbeat.interval.ms', set, '1'],
  ['consumer.heartbeat.interval.ms', set, '99999'],
  ['consumer.assignment.interval.ms', set, '99999'],
  ['share.session.timeout.ms', set, '1'],
  ['share.heartbeat.interval.ms', set, '99999'],
  ['share.record.lock.duration.ms', set, '1'],
  ['share.record.lock.duration.ms', set, '5000'],
  ['share.record.lock.duration.ms', set, '100000'],
  ['share.auto.offset.reset', set, 'never'],
  ['share.auto.offset.reset', set, 'by_duration:long'],
  ['share.isolation.level', set, 'none'],
  ['share.delivery.count.limit', set, '1'],
  ['share.delivery.count.limit', set, '100'],
  ['share.partition.max.record.locks', set, '9999'],
  ['streams.session.timeout.ms', set, '1'],
  ['streams.heartbeat.interval.ms', set, '99999'],
  ['streams.num.standby.replicas', set, '-1'],
  ['streams.num.standby.replicas', set, '5'],
  ['no.such.config', set, '1'],
]

const badMetricsChanges: readonly Change[] = [
  ['interval.ms', set, '1'],
  ['interval.ms', set, '3600001'],
  ['interval.ms', set, 'x'],
  ['match', set, 'x'],
  ['match', set, 'client_id=a=b'],
  ['match', set, 'no_such=b'],
  ['match', set, 'client_id=['],
  ['metrics', append, 'a'],
  ['no.such.config', set, '1'],
]

const badLoggerChanges: readonly Change[] = [
  ['root', set, 'LOUD'],
  ['root', remove, null],
  ['root', append, 'INFO'],
  ['no.such.logger', set, 'INFO'],
  ['no.such.logger', remove, null],
]

export const incrementalAlterConfigs = conformance(IncrementalAlterConfigs, {
  async valid(stage) {
    const name = stage.name('t')
    await stage.createTopic(name)
    const topic = (...changes: readonly Change[]) => request([{ type: resource.topic, name, changes }])
    const keys = ['retention.ms', 'cleanup.policy', 'preallocate', 'min.cleanable.dirty.ratio', 'max.message.bytes']
    const note = (label: string) => stage.note(label, DescribeConfigs, 4, described(resource.topic, name, keys))
    await stage.ask('only looked at', request([{ type: 2, name, changes: [['retention.ms', set, '1000']] }], true))
    await stage.ask(
      'sets',
      topic(['retention.ms', set, '1000'], ['preallocate', set, 'TRUE'], ['max.message.bytes', set, ' +5 ']),
    )
    await settledConfig(stage, resource.topic, name, 'retention.ms', '1000')
    await note('set')
    await stage.ask(
      'adds to a list',
      topic(['cleanup.policy', append, 'compact'], ['min.cleanable.dirty.ratio', set, '1e-1']),
    )
    await settledConfig(stage, resource.topic, name, 'cleanup.policy', 'delete,compact')
    await note('added')
    await stage.ask('takes from a list', topic(['cleanup.policy', subtract, 'delete'], ['retention.ms', remove, null]))
    await settledConfig(stage, resource.topic, name, 'cleanup.policy', 'compact')
    await note('taken')
    await stage.ask('nothing', topic())
    await stage.ask('deletes what was not set', topic(['flush.ms', remove, null], ['no.such.config', remove, null]))
    for (const broker of ['', '1']) {
      const changes: readonly Change[] = [
        ['log.retention.ms', set, '1000'],
        ['log.cleanup.policy', append, 'compact'],
        ['no.such.config', set, '1'],
        ['num.partitions', remove, null],
      ]
      await stage.ask(`broker '${broker}', looked at`, request([{ type: 4, name: broker, changes }], true))
    }
    const group = stage.name('g')
    const metrics = stage.name('m')
    await stage.ask(
      'a group and metrics',
      request([
        { type: resource.group, name: group, changes: [['share.auto.offset.reset', set, 'by_duration:PT1H']] },
        {
          type: resource.clientMetrics,
          name: metrics,
          changes: [
            ['metrics', set, 'a,b'],
            ['match', set, 'client_id=a.*'],
          ],
        },
      ]),
    )
    await settledConfig(stage, resource.group, group, 'share.auto.offset.reset', 'by_duration:PT1H')
    await settledConfig(stage, resource.clientMetrics, metrics, 'metrics', 'a,b')
    await stage.note('the group', DescribeConfigs, 4, described(resource.group, group, ['share.auto.offset.reset']))
    await stage.note('the metrics', DescribeConfigs, 4, described(resource.clientMetrics, metrics, []))
    await stage.ask('a logger', request([{ type: resource.logger, name: '1', changes: [['root', set, 'WARN']] }]))
    await alterConfigs(stage, resource.group, group, { 'share.auto.offset.reset': null })
    await alterConfigs(stage, resource.clientMetrics, metrics, { metrics: null, match: null })
  },
  async invalid(stage) {
    const topic = stage.name('t')
    await stage.createTopic(topic)
    const all: readonly (readonly [type: number, name: string, changes: readonly Change[]])[] = [
      [resource.topic, topic, badTopicChanges],
      [resource.broker, '1', badBrokerChanges],
      [
        resource.broker,
        '',
        [...badBrokerChanges, ['sasl.jaas.config', set, 'x'], ['min.insync.replicas', remove, null]],
      ],
      [resource.group, stage.name('g'), badGroupChanges],
      [resource.clientMetrics, stage.name('m'), badMetricsChanges],
      [resource.logger, '1', badLoggerChanges],
    ]
    for (const [type, name, bad] of all) {
      for (const change of bad) {
        const label = `${type} ${name.slice(-1)}: ${change.join(' ')}`
        await stage.ask(label, request([{ type, name, changes: [change] }], true))
      }
    }
    const changes: readonly Change[] = [['retention.ms', set, '1']]
    const lags: readonly Change[] = [
      ['min.compaction.lag.ms', set, '9'],
      ['max.compaction.lag.ms', set, '5'],
    ]
    await stage.ask('configs that contradict', request([{ type: 2, name: topic, changes: lags }], true))
    await stage.ask('one config twice', request([{ type: 2, name: topic, changes: [...changes, ...changes] }]))
    const once = { type: 2, name: topic, changes }
    await stage.ask('one topic twice', request([once, once]))
    await stage.ask('no such operation', request([{ type: 2, name: topic, changes: [['retention.ms', 9, '1']] }], true))
    await stage.ask('no such type', request([{ type: 99, name: 'x', changes }]))
    await stage.ask('all topics', request([{ type: 2, name: '', changes }]))
    await stage.ask('a name with a blank', request([{ type: 2, name: 'not a name', changes }]))
    await stage.ask('a broker that is no number', request([{ type: 4, name: 'one' }]))
    await stage.ask('loggers of what is no number', request([{ type: 8, name: '' }]))
    await stage.ask(
      'all groups',
      request([{ type: 32, name: '', changes: [['share.isolation.level', set, 'read_committed']] }]),
    )
    await stage.ask('all metrics', request([{ type: 16, name: '', changes: [['interval.ms', set, '1000']] }]))
  },
  async wrongState(stage) {
    const changes: readonly Change[] = [['retention.ms', set, '1']]
    const none = { type: resource.topic, name: stage.name('none'), changes }
    await stage.ask('no such topic', request([none]))
    await stage.ask('no such topic, no such config', request([{ ...none, changes: [['no.such.config', set, '1']] }]))
    const name = stage.name('t')
    await stage.createTopic(name)
    await stage.ask('one that is and one that is not', request([{ type: 2, name, changes }, none]))
    const retention: readonly Change[] = [['log.retention.ms', set, '5']]
    for (const broker of ['2', '77', '-1']) {
      await stage.ask(`broker ${broker}`, request([{ type: 4, name: broker, changes: retention }]))
    }
    await stage.ask('loggers of another broker', request([{ type: 8, name: '2', changes: [['root', set, 'WARN']] }]))
    const insync: readonly Change[] = [['min.insync.replicas', set, '2']]
    await stage.ask('what all brokers have alike', request([{ type: 4, name: '1', changes: insync }]))
    const other = await stage.open({ broker: 2 })
    await stage.ask('another broker is asked', request([{ type: 4, name: '1', changes: retention }]), { on: other })
  },
})
