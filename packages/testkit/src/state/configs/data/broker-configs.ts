/** Broker configs: name, type, update mode, default (- none, ~ null), valid values. */
// Of Apache Kafka 4.3.1; written by scripts/import-configs.mjs.
export const brokerConfigRows = `
add.partitions.to.txn.retry.backoff.max.ms int read-only 100 [0,...]
add.partitions.to.txn.retry.backoff.ms int read-only 20 [1,...]
advertised.listeners list read-only ~
alter.config.policy.class.name class read-only ~
alter.log.dirs.replication.quota.window.num int read-only 11 [1,...]
alter.log.dirs.replication.quota.window.size.seconds int read-only 1 [1,...]
authorizer.class.name string read-only "" non-null string
auto.create.topics.enable boolean read-only true
auto.leader.rebalance.enable boolean read-only true
background.threads int cluster-wide 10 [1,...]
broker.heartbeat.interval.ms int read-only 2000
broker.id int read-only -1
broker.rack string read-only ~
broker.session.timeout.ms int read-only 9000
client.quota.callback.class class read-only ~
compression.gzip.level int cluster-wide -1 [1,...,9] or -1
compression.lz4.level int cluster-wide 9 [1,...,17]
compression.type string cluster-wide producer [uncompressed, zstd, lz4, snappy, gzip, producer]
compression.zstd.level int cluster-wide 3 [-131072,...,22]
config.providers list cluster-wide ""
connection.failed.authentication.delay.ms int read-only 100 [0,...]
connections.max.idle.ms long read-only 600000
connections.max.reauth.ms long read-only 0
controlled.shutdown.enable boolean read-only true
controller.listener.names list read-only -
controller.quorum.append.linger.ms int read-only 25 [0,...]
controller.quorum.auto.join.enable boolean read-only false
controller.quorum.bootstrap.servers list read-only "" non-empty list
controller.quorum.election.backoff.max.ms int read-only 1000 [0,...]
controller.quorum.election.timeout.ms int read-only 1000 [0,...]
controller.quorum.fetch.max.bytes int read-only 1048576 [1,...]
controller.quorum.fetch.snapshot.max.bytes int read-only 1048576 [1,...]
controller.quorum.fetch.timeout.ms int read-only 2000 [0,...]
controller.quorum.request.timeout.ms int read-only 2000 [0,...]
controller.quorum.retry.backoff.ms int read-only 20 [0,...]
controller.quorum.voters list read-only "" non-empty list
controller.quota.window.num int read-only 11 [1,...]
controller.quota.window.size.seconds int read-only 1 [1,...]
controller.socket.timeout.ms int read-only 30000
cordoned.log.dirs list per-broker ""
create.topic.policy.class.name class read-only ~
default.replication.factor int read-only 1
delegation.token.expiry.check.interval.ms long read-only 3600000 [1,...]
delegation.token.expiry.time.ms long read-only 86400000 [1,...]
delegation.token.max.lifetime.ms long read-only 604800000 [1,...]
delegation.token.secret.key password read-only ~
delete.records.purgatory.purge.interval.requests int read-only 1
delete.topic.enable boolean read-only true
early.start.listeners list read-only ~
fetch.max.bytes int read-only 57671680 [1024,...]
fetch.purgatory.purge.interval.requests int read-only 1000
follower.fetch.last.tiered.offset.enable boolean cluster-wide false
follower.replication.throttled.rate long cluster-wide 9223372036854775807 [0,...]
group.consumer.assignment.interval.ms int cluster-wide 1000 [0,...]
group.consumer.assignors list read-only uniform,range
group.consumer.heartbeat.interval.ms int read-only 5000 [1,...]
group.consumer.max.assignment.interval.ms int read-only 15000 [0,...]
group.consumer.max.heartbeat.interval.ms int read-only 15000 [1,...]
group.consumer.max.session.timeout.ms int read-only 60000 [1,...]
group.consumer.max.size int read-only 2147483647 [1,...]
group.consumer.migration.policy string read-only bidirectional (case insensitive) [DISABLED, DOWNGRADE, UPGRADE, BIDIRECTIONAL]
group.consumer.min.assignment.interval.ms int read-only 0 [0,...]
group.consumer.min.heartbeat.interval.ms int read-only 5000 [1,...]
group.consumer.min.session.timeout.ms int read-only 45000 [1,...]
group.consumer.session.timeout.ms int read-only 45000 [1,...]
group.coordinator.append.linger.ms int read-only -1 [-1,...]
group.coordinator.background.threads int read-only 2 [1,...]
group.coordinator.cached.buffer.max.bytes int cluster-wide 1048588 [524288,...]
group.coordinator.rebalance.protocols list read-only classic,consumer,streams [consumer, classic, share, streams]
group.coordinator.threads int read-only 4 [1,...]
group.initial.rebalance.delay.ms int read-only 3000
group.max.session.timeout.ms int read-only 1800000
group.max.size int read-only 2147483647 [1,...]
group.min.session.timeout.ms int read-only 6000
group.share.assignment.interval.ms int cluster-wide 1000 [0,...]
group.share.assignors list read-only simple
group.share.delivery.count.limit int read-only 5 [2,...,10]
group.share.heartbeat.interval.ms int read-only 5000 [1,...]
group.share.max.assignment.interval.ms int read-only 15000 [0,...]
group.share.max.delivery.count.limit int read-only 10 [5,...,25]
group.share.max.heartbeat.interval.ms int read-only 15000 [1,...]
group.share.max.partition.max.record.locks int read-only 4000 [2000,...,10000]
group.share.max.record.lock.duration.ms int read-only 60000 [30000,...,3600000]
group.share.max.session.timeout.ms int read-only 60000 [1,...]
group.share.max.share.sessions int read-only 2000 [1,...]
group.share.max.size int read-only 200 [1,...,1000]
group.share.min.assignment.interval.ms int read-only 0 [0,...]
group.share.min.delivery.count.limit int read-only 2 [2,...,5]
group.share.min.heartbeat.interval.ms int read-only 5000 [1,...]
group.share.min.partition.max.record.locks int read-only 100 [100,...,2000]
group.share.min.record.lock.duration.ms int read-only 15000 [1000,...,30000]
group.share.min.session.timeout.ms int read-only 45000 [1,...]
group.share.partition.max.record.locks int read-only 2000 [100,...,10000]
group.share.record.lock.duration.ms int read-only 30000 [1000,...,3600000]
group.share.session.timeout.ms int read-only 45000 [1,...]
group.streams.assignment.interval.ms int cluster-wide 1000 [0,...]
group.streams.heartbeat.interval.ms int read-only 5000 [1,...]
group.streams.initial.rebalance.delay.ms int read-only 3000 [0,...]
group.streams.max.assignment.interval.ms int read-only 15000 [0,...]
group.streams.max.heartbeat.interval.ms int read-only 15000 [1,...]
group.streams.max.session.timeout.ms int read-only 60000 [1,...]
group.streams.max.size int read-only 2147483647 [1,...]
group.streams.max.standby.replicas int read-only 2 [0,...]
group.streams.min.assignment.interval.ms int read-only 0 [0,...]
group.streams.min.heartbeat.interval.ms int read-only 5000 [1,...]
group.streams.min.session.timeout.ms int read-only 45000 [1,...]
group.streams.num.standby.replicas int read-only 0 [0,...]
group.streams.session.timeout.ms int read-only 45000 [1,...]
initial.broker.registration.timeout.ms int read-only 60000
inter.broker.listener.name string read-only ~
kafka.metrics.polling.interval.secs int read-only 10 [1,...]
kafka.metrics.reporters list read-only ""
leader.imbalance.check.interval.seconds long read-only 300 [1,...]
leader.replication.throttled.rate long cluster-wide 9223372036854775807 [0,...]
listener.security.protocol.map string per-broker SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT
listeners list per-broker PLAINTEXT://:9092
log.cleaner.backoff.ms long cluster-wide 15000 [0,...]
log.cleaner.dedupe.buffer.size long cluster-wide 134217728
log.cleaner.delete.retention.ms long cluster-wide 86400000 [0,...]
log.cleaner.enable boolean read-only true
log.cleaner.io.buffer.load.factor double cluster-wide 0.9
log.cleaner.io.buffer.size int cluster-wide 524288 [0,...]
log.cleaner.io.max.bytes.per.second double cluster-wide 1.7976931348623157E308
log.cleaner.max.compaction.lag.ms long cluster-wide 9223372036854775807 [1,...]
log.cleaner.min.cleanable.ratio double cluster-wide 0.5 [0,...,1]
log.cleaner.min.compaction.lag.ms long cluster-wide 0 [0,...]
log.cleaner.threads int cluster-wide 1 [0,...]
log.cleanup.policy list cluster-wide delete [compact, delete]
log.dir list read-only /tmp/kafka-logs
log.dir.failure.timeout.ms long read-only 30000 [1,...]
log.dirs list read-only ~
log.flush.interval.messages long cluster-wide 9223372036854775807 [1,...]
log.flush.interval.ms long cluster-wide ~
log.flush.offset.checkpoint.interval.ms int read-only 60000 [0,...]
log.flush.scheduler.interval.ms long read-only 9223372036854775807
log.flush.start.offset.checkpoint.interval.ms int read-only 60000 [0,...]
log.index.interval.bytes int cluster-wide 4096 [0,...]
log.index.size.max.bytes int cluster-wide 10485760 [4,...]
log.local.retention.bytes long cluster-wide -2 [-2,...]
log.local.retention.ms long cluster-wide -2 [-2,...]
log.message.timestamp.after.max.ms long cluster-wide 3600000 [0,...]
log.message.timestamp.before.max.ms long cluster-wide 9223372036854775807 [0,...]
log.message.timestamp.type string cluster-wide CreateTime [CreateTime, LogAppendTime]
log.preallocate boolean cluster-wide false
log.retention.bytes long cluster-wide -1
log.retention.check.interval.ms long read-only 300000 [1,...]
log.retention.hours int read-only 168
log.retention.minutes int read-only ~
log.retention.ms long cluster-wide ~
log.roll.hours int read-only 168 [1,...]
log.roll.jitter.hours int read-only 0 [0,...]
log.roll.jitter.ms long cluster-wide ~
log.roll.ms long cluster-wide ~
log.segment.bytes int cluster-wide 1073741824 [1048576,...]
log.segment.delete.delay.ms long cluster-wide 60000 [0,...]
max.connection.creation.rate int cluster-wide 2147483647 [0,...]
max.connections int cluster-wide 2147483647 [0,...]
max.connections.per.ip int cluster-wide 2147483647 [0,...]
max.connections.per.ip.overrides string cluster-wide ""
max.incremental.fetch.session.cache.slots int read-only 1000 [0,...]
max.request.partition.size.limit int read-only 2000 [1,...]
message.max.bytes int cluster-wide 1048588 [0,...]
metadata.log.dir string read-only ~
metadata.log.max.record.bytes.between.snapshots long read-only 20971520 [1,...]
metadata.log.max.snapshot.interval.ms long read-only 3600000 [0,...]
metadata.log.segment.bytes int read-only 1073741824 [8388608,...]
metadata.log.segment.ms long read-only 604800000
metadata.max.idle.interval.ms int read-only 500 [0,...]
metadata.max.retention.bytes long read-only 104857600
metadata.max.retention.ms long read-only 604800000
metric.reporters list cluster-wide org.apache.kafka.common.metrics.JmxReporter
metrics.num.samples int read-only 2 [1,...]
metrics.recording.level string read-only INFO
metrics.sample.window.ms long read-only 30000 [1,...]
min.insync.replicas int cluster-wide 1 [1,...]
node.id int read-only - [0,...]
num.io.threads int cluster-wide 8 [1,...]
num.network.threads int cluster-wide 3 [1,...]
num.partitions int read-only 1 [1,...]
num.recovery.threads.per.data.dir int cluster-wide 2 [1,...]
num.replica.alter.log.dirs.threads int read-only ~
num.replica.fetchers int cluster-wide 1 [1,...]
offset.metadata.max.bytes int read-only 4096
offsets.commit.timeout.ms int read-only 5000 [1,...]
offsets.load.buffer.size int read-only 5242880 [1,...]
offsets.retention.check.interval.ms long read-only 600000 [1,...]
offsets.retention.minutes int read-only 10080 [1,...]
offsets.topic.compression.codec int read-only 0
offsets.topic.num.partitions int read-only 50 [1,...]
offsets.topic.replication.factor short read-only 3 [1,...]
offsets.topic.segment.bytes int read-only 104857600 [1,...]
principal.builder.class class per-broker org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder
process.roles list read-only - [broker, controller]
producer.id.expiration.ms int cluster-wide 86400000 [1,...]
producer.purgatory.purge.interval.requests int read-only 1000
queued.max.request.bytes long read-only -1
queued.max.requests int read-only 500 [1,...]
quota.window.num int read-only 11 [1,...]
quota.window.size.seconds int read-only 1 [1,...]
remote.fetch.max.wait.ms int cluster-wide 500 [1,...]
remote.list.offsets.request.timeout.ms long cluster-wide 30000 [1,...]
remote.log.index.file.cache.total.size.bytes long cluster-wide 1073741824 [1,...]
remote.log.manager.copier.thread.pool.size int cluster-wide 10 [1,...]
remote.log.manager.copy.max.bytes.per.second long cluster-wide 9223372036854775807 [1,...]
remote.log.manager.copy.quota.window.num int read-only 11 [1,...]
remote.log.manager.copy.quota.window.size.seconds int read-only 1 [1,...]
remote.log.manager.expiration.thread.pool.size int cluster-wide 10 [1,...]
remote.log.manager.fetch.max.bytes.per.second long cluster-wide 9223372036854775807 [1,...]
remote.log.manager.fetch.quota.window.num int read-only 11 [1,...]
remote.log.manager.fetch.quota.window.size.seconds int read-only 1 [1,...]
remote.log.manager.follower.thread.pool.size int cluster-wide 2 [1,...]
remote.log.manager.task.interval.ms long read-only 30000 [1,...]
remote.log.manager.thread.pool.size int read-only 2 [1,...]
remote.log.metadata.custom.metadata.max.bytes int read-only 128 [0,...]
remote.log.metadata.manager.class.name string read-only org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager non-empty string
remote.log.metadata.manager.class.path string read-only ~
remote.log.metadata.manager.impl.prefix string read-only rlmm.config. non-empty string
remote.log.metadata.manager.listener.name string read-only ~ non-empty string
remote.log.reader.max.pending.tasks int read-only 100 [1,...]
remote.log.reader.threads int cluster-wide 10 [1,...]
remote.log.storage.manager.class.name string read-only ~ non-empty string
remote.log.storage.manager.class.path string read-only ~
remote.log.storage.manager.impl.prefix string read-only rsm.config. non-empty string
remote.log.storage.system.enable boolean read-only false
replica.alter.log.dirs.io.max.bytes.per.second long cluster-wide 9223372036854775807 [0,...]
replica.fetch.backoff.ms int read-only 1000 [0,...]
replica.fetch.max.bytes int read-only 1048576 [0,...]
replica.fetch.min.bytes int read-only 1
replica.fetch.response.max.bytes int read-only 10485760 [0,...]
replica.fetch.wait.max.ms int read-only 500
replica.high.watermark.checkpoint.interval.ms long read-only 5000
replica.lag.time.max.ms long read-only 30000
replica.selector.class string read-only ~
replica.socket.receive.buffer.bytes int read-only 65536
replica.socket.timeout.ms int read-only 30000
replication.quota.window.num int read-only 11 [1,...]
replication.quota.window.size.seconds int read-only 1 [1,...]
request.timeout.ms int read-only 30000
sasl.client.callback.handler.class class read-only ~
sasl.enabled.mechanisms list per-broker GSSAPI
sasl.jaas.config password per-broker ~
sasl.kerberos.kinit.cmd string per-broker /usr/bin/kinit
sasl.kerberos.min.time.before.relogin long per-broker 60000
sasl.kerberos.principal.to.local.rules list per-broker DEFAULT
sasl.kerberos.service.name string per-broker ~
sasl.kerberos.ticket.renew.jitter double per-broker 0.05
sasl.kerberos.ticket.renew.window.factor double per-broker 0.8
sasl.login.callback.handler.class class read-only ~
sasl.login.class class read-only ~
sasl.login.connect.timeout.ms int read-only ~
sasl.login.read.timeout.ms int read-only ~
sasl.login.refresh.buffer.seconds short per-broker 300
sasl.login.refresh.min.period.seconds short per-broker 60
sasl.login.refresh.window.factor double per-broker 0.8
sasl.login.refresh.window.jitter double per-broker 0.05
sasl.login.retry.backoff.max.ms long read-only 10000
sasl.login.retry.backoff.ms long read-only 100
sasl.mechanism.controller.protocol string read-only GSSAPI
sasl.mechanism.inter.broker.protocol string per-broker GSSAPI
sasl.oauthbearer.assertion.algorithm string read-only RS256 (case insensitive) [ES256, RS256]
sasl.oauthbearer.assertion.claim.aud string read-only ~
sasl.oauthbearer.assertion.claim.exp.seconds int read-only 300 [0,...,86400]
sasl.oauthbearer.assertion.claim.iss string read-only ~
sasl.oauthbearer.assertion.claim.jti.include boolean read-only false
sasl.oauthbearer.assertion.claim.nbf.seconds int read-only 60 [0,...,3600]
sasl.oauthbearer.assertion.claim.sub string read-only ~
sasl.oauthbearer.assertion.file string read-only ~
sasl.oauthbearer.assertion.private.key.file string read-only ~
sasl.oauthbearer.assertion.private.key.passphrase password read-only ~
sasl.oauthbearer.assertion.template.file string read-only ~
sasl.oauthbearer.client.credentials.client.id string read-only ~
sasl.oauthbearer.client.credentials.client.secret password read-only ~
sasl.oauthbearer.clock.skew.seconds int read-only 30
sasl.oauthbearer.expected.audience list read-only ""
sasl.oauthbearer.expected.issuer string read-only ~
sasl.oauthbearer.jwks.endpoint.refresh.ms long read-only 3600000
sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms long read-only 10000
sasl.oauthbearer.jwks.endpoint.retry.backoff.ms long read-only 100
sasl.oauthbearer.jwks.endpoint.url string read-only ~
sasl.oauthbearer.jwt.retriever.class class read-only org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever
sasl.oauthbearer.jwt.validator.class class read-only org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator
sasl.oauthbearer.scope string read-only ~
sasl.oauthbearer.scope.claim.name string read-only scope
sasl.oauthbearer.sub.claim.name string read-only sub
sasl.oauthbearer.token.endpoint.url string read-only ~
sasl.server.callback.handler.class class read-only ~
sasl.server.max.receive.size int read-only 524288
security.inter.broker.protocol string read-only PLAINTEXT [PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL]
security.providers string read-only ~
share.coordinator.append.linger.ms int read-only -1 [-1,...]
share.coordinator.cached.buffer.max.bytes int cluster-wide 1048588 [524288,...]
share.coordinator.load.buffer.size int read-only 5242880 [1,...]
share.coordinator.snapshot.update.records.per.snapshot int read-only 500 [0,...,500]
share.coordinator.state.topic.compression.codec int read-only 0
share.coordinator.state.topic.min.isr short read-only 2 [1,...]
share.coordinator.state.topic.num.partitions int read-only 50 [1,...]
share.coordinator.state.topic.replication.factor short read-only 3 [1,...]
share.coordinator.state.topic.segment.bytes int read-only 104857600 [1,...]
share.coordinator.threads int read-only 1 [1,...]
share.coordinator.write.timeout.ms int read-only 5000 [1,...]
share.fetch.purgatory.purge.interval.requests int read-only 1000
socket.connection.setup.timeout.max.ms long read-only 30000
socket.connection.setup.timeout.ms long read-only 10000
socket.listen.backlog.size int read-only 50 [1,...]
socket.receive.buffer.bytes int read-only 102400
socket.request.max.bytes int read-only 104857600 [1,...]
socket.send.buffer.bytes int read-only 102400
ssl.allow.dn.changes boolean read-only false
ssl.allow.san.changes boolean read-only false
ssl.cipher.suites list per-broker ""
ssl.client.auth string per-broker none [required, requested, none]
ssl.enabled.protocols list per-broker TLSv1.2,TLSv1.3
ssl.endpoint.identification.algorithm string per-broker https
ssl.engine.factory.class class per-broker ~
ssl.key.password password per-broker ~
ssl.keymanager.algorithm string per-broker SunX509
ssl.keystore.certificate.chain password per-broker ~
ssl.keystore.key password per-broker ~
ssl.keystore.location string per-broker ~
ssl.keystore.password password per-broker ~
ssl.keystore.type string per-broker JKS
ssl.principal.mapping.rules string read-only DEFAULT
ssl.protocol string per-broker TLSv1.3
ssl.provider string per-broker ~
ssl.secure.random.implementation string per-broker ~
ssl.trustmanager.algorithm string per-broker PKIX
ssl.truststore.certificates password per-broker ~
ssl.truststore.location string per-broker ~
ssl.truststore.password password per-broker ~
ssl.truststore.type string per-broker JKS
telemetry.max.bytes int read-only 1048576 [1,...]
transaction.abort.timed.out.transaction.cleanup.interval.ms int read-only 10000 [1,...]
transaction.max.timeout.ms int read-only 900000 [1,...]
transaction.partition.verification.enable boolean cluster-wide true
transaction.remove.expired.transaction.cleanup.interval.ms int read-only 3600000 [1,...]
transaction.state.log.load.buffer.size int read-only 5242880 [1,...]
transaction.state.log.min.isr int read-only 2 [1,...]
transaction.state.log.num.partitions int read-only 50 [1,...]
transaction.state.log.replication.factor short read-only 3 [1,...]
transaction.state.log.segment.bytes int read-only 104857600 [1,...]
transaction.two.phase.commit.enable boolean read-only false
transactional.id.expiration.ms int read-only 604800000 [1,...]
unclean.leader.election.enable boolean cluster-wide false
`
