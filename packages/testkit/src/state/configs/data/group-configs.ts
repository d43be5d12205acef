/** Group configs: name, type, update mode, default (- none, ~ null), valid values. */
// Of Apache Kafka 4.3.1; written by scripts/import-configs.mjs.
export const groupConfigRows = `
consumer.assignment.interval.ms int cluster-wide 1000 [0,...]
consumer.heartbeat.interval.ms int cluster-wide 5000 [1,...]
consumer.session.timeout.ms int cluster-wide 45000 [1,...]
share.assignment.interval.ms int cluster-wide 1000 [0,...]
share.auto.offset.reset string cluster-wide latest [latest, earliest, by_duration:PnDTnHnMn.nS]
share.delivery.count.limit int cluster-wide 5 [2,...]
share.heartbeat.interval.ms int cluster-wide 5000 [1,...]
share.isolation.level string cluster-wide read_uncommitted [read_committed, read_uncommitted]
share.partition.max.record.locks int cluster-wide 2000 [100,...]
share.record.lock.duration.ms int cluster-wide 30000 [1000,...]
share.renew.acknowledge.enable boolean cluster-wide true
share.session.timeout.ms int cluster-wide 45000 [1,...]
streams.assignment.interval.ms int cluster-wide 1000 [0,...]
streams.heartbeat.interval.ms int cluster-wide 5000 [1,...]
streams.initial.rebalance.delay.ms int cluster-wide 3000 [0,...]
streams.num.standby.replicas int cluster-wide 0 [0,...]
streams.session.timeout.ms int cluster-wide 45000 [1,...]
`
