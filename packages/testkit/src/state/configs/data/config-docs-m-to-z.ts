/** What the broker configs from m to z set, in the testkit's own words: name and sentence. */
export const brokerDocsMToZ = `
max.connection.creation.rate Connections per second that the broker accepts on all its listeners together.
max.connections Most connections that the broker keeps open.
max.connections.per.ip Most connections that the broker keeps open for one client address.
max.connections.per.ip.overrides Connection limits of single addresses or host names, written as host:count.
max.incremental.fetch.session.cache.slots Number of incremental fetch sessions that the broker remembers.
max.request.partition.size.limit Most partitions that one DescribeTopicPartitions response contains.
message.max.bytes Largest record batch that the broker accepts, for topics without their own setting.
metadata.log.dir Directory of the metadata log; unset, it is the first log directory.
metadata.log.max.record.bytes.between.snapshots Bytes of new metadata records after which a snapshot is written.
metadata.log.max.snapshot.interval.ms Longest time between two metadata snapshots while there are new records.
metadata.log.segment.bytes Size at which a segment of the metadata log is closed.
metadata.log.segment.ms Age at which a segment of the metadata log is closed.
metadata.max.idle.interval.ms Time without metadata changes after which the controller appends an empty record.
metadata.max.retention.bytes Size of metadata log and snapshots above which old ones are deleted.
metadata.max.retention.ms Age at which old metadata segments and snapshots are deleted.
metric.reporters Classes that receive the metrics of the broker.
metrics.num.samples Number of samples from which a metric is computed.
metrics.recording.level Most detailed level at which metrics are recorded.
metrics.sample.window.ms Length of one metric sample.
min.insync.replicas Replicas that have to be in sync before a write with acks=all is accepted, for topics without their own setting.
node.id Unique number of this node in the cluster.
num.io.threads Number of threads that handle requests, including their disk access.
num.network.threads Number of threads for each listener that read requests and write responses.
num.partitions Number of partitions of topics that are created without an explicit count.
num.recovery.threads.per.data.dir Threads for each log directory that recover logs at start and flush them at shutdown.
num.replica.alter.log.dirs.threads Number of threads that move replicas between log directories.
num.replica.fetchers Number of fetcher threads for each leader broker that this broker follows.
offset.metadata.max.bytes Longest metadata text that a client may attach to a committed offset.
offsets.commit.timeout.ms Time the coordinator waits for the replication of an offset commit.
offsets.load.buffer.size Bytes of the offsets topic that are read in one step while a coordinator loads groups.
offsets.retention.check.interval.ms Time between two searches for expired committed offsets.
offsets.retention.minutes Minutes for which offsets are kept after their group has become empty or no longer subscribes to the topic.
offsets.topic.compression.codec Number of the codec that compresses the offsets topic; 0 is none.
offsets.topic.num.partitions Number of partitions of the offsets topic, fixed when it is created.
offsets.topic.replication.factor Number of replicas of the offsets topic, which is not created with fewer brokers.
offsets.topic.segment.bytes Segment size of the offsets topic, small so that coordinators load fast.
principal.builder.class Class that derives the principal from the credentials of a connection.
process.roles Roles of this node: broker, controller or both.
producer.id.expiration.ms Idle time after which a log forgets an idempotent producer without an open transaction.
producer.purgatory.purge.interval.requests Number of completed produce requests after which their waiting list is cleaned.
queued.max.request.bytes Bytes of unhandled requests above which the broker stops reading; -1 sets no limit.
queued.max.requests Number of unhandled requests above which the network threads stop reading.
quota.window.num Number of samples over which the traffic of clients is measured for quotas.
quota.window.size.seconds Length in seconds of one sample of client traffic.
remote.fetch.max.wait.ms Time a fetch waits for records from tiered storage.
remote.list.offsets.request.timeout.ms Time a ListOffsets request waits for a look-up in tiered storage.
remote.log.index.file.cache.total.size.bytes Disk space for indexes that were downloaded from tiered storage.
remote.log.manager.copier.thread.pool.size Number of threads that upload segments to tiered storage.
remote.log.manager.copy.max.bytes.per.second Bytes per second that the broker may upload to tiered storage.
remote.log.manager.copy.quota.window.num Number of samples over which uploads to tiered storage are measured.
remote.log.manager.copy.quota.window.size.seconds Length in seconds of one sample of uploads to tiered storage.
remote.log.manager.expiration.thread.pool.size Number of threads that delete expired segments from tiered storage.
remote.log.manager.fetch.max.bytes.per.second Bytes per second that the broker may download from tiered storage.
remote.log.manager.fetch.quota.window.num Number of samples over which downloads from tiered storage are measured.
remote.log.manager.fetch.quota.window.size.seconds Length in seconds of one sample of downloads from tiered storage.
remote.log.manager.follower.thread.pool.size Number of threads for the tiered storage tasks of follower replicas.
remote.log.manager.task.interval.ms Time between two runs of the upload and cleanup tasks of tiered storage.
remote.log.manager.thread.pool.size Number of threads that schedule tiered storage tasks.
remote.log.metadata.custom.metadata.max.bytes Most bytes that a tiered storage plugin may attach to the metadata of a segment.
remote.log.metadata.manager.class.name Class that stores the metadata of tiered segments.
remote.log.metadata.manager.class.path Where the class of the tiered metadata store is loaded from.
remote.log.metadata.manager.impl.prefix Prefix of the configs that are passed to the tiered metadata store.
remote.log.metadata.manager.listener.name Listener over which the tiered metadata store connects to the brokers.
remote.log.reader.max.pending.tasks Number of waiting reads from tiered storage above which further ones are rejected.
remote.log.reader.threads Number of threads that read from tiered storage.
remote.log.storage.manager.class.name Class that stores segments in tiered storage.
remote.log.storage.manager.class.path Where the class of the tiered segment store is loaded from.
remote.log.storage.manager.impl.prefix Prefix of the configs that are passed to the tiered segment store.
remote.log.storage.system.enable Whether this broker offers tiered storage at all.
replica.alter.log.dirs.io.max.bytes.per.second Bytes per second for moving replicas between the log directories of a broker.
replica.fetch.backoff.ms Pause of a follower after a failed fetch of a partition.
replica.fetch.max.bytes Bytes of one partition that a follower requests in a fetch.
replica.fetch.min.bytes Bytes for which the leader holds a follower's fetch, up to its wait time.
replica.fetch.response.max.bytes Bytes of all partitions together that a follower requests in a fetch.
replica.fetch.wait.max.ms Longest time the leader holds a follower's fetch.
replica.high.watermark.checkpoint.interval.ms Time between two writes of the file with the high watermarks.
replica.lag.time.max.ms Time a follower may be behind the log end before it leaves the ISR.
replica.selector.class Class that selects the replica a consumer reads from; unset, it is the leader.
replica.socket.receive.buffer.bytes Bytes that a follower's socket may buffer on the receiving side.
replica.socket.timeout.ms Network timeout of the requests that followers send.
replication.quota.window.num Number of samples over which throttled replication is measured.
replication.quota.window.size.seconds Length in seconds of one sample of throttled replication.
request.timeout.ms Time the broker, as a client of other nodes, waits for a response.
sasl.client.callback.handler.class Class that supplies credentials when this broker logs in to another node.
sasl.enabled.mechanisms SASL mechanisms that clients may use.
sasl.jaas.config Login module with its options, in JAAS format.
sasl.kerberos.kinit.cmd Path of the program that obtains Kerberos tickets.
sasl.kerberos.min.time.before.relogin Shortest time between two Kerberos ticket renewals.
sasl.kerberos.principal.to.local.rules Rules that map Kerberos principals to short user names.
sasl.kerberos.service.name Kerberos name of the Kafka service.
sasl.kerberos.ticket.renew.jitter Random share that is added to the time of a Kerberos ticket renewal.
sasl.kerberos.ticket.renew.window.factor Share of a Kerberos ticket's lifetime after which it is renewed.
sasl.login.callback.handler.class Class that supplies tokens or credentials to the login module.
sasl.login.class Class that performs the login and keeps its credentials fresh.
sasl.login.connect.timeout.ms Time in which a connection to the token provider has to be established.
sasl.login.read.timeout.ms Time in which the token provider has to respond.
sasl.login.refresh.buffer.seconds Seconds before its expiry by which a token is refreshed at the latest.
sasl.login.refresh.min.period.seconds Least number of seconds between two token refreshes.
sasl.login.refresh.window.factor Share of a token's lifetime after which it is refreshed.
sasl.login.refresh.window.jitter Random share that is added to the time of a token refresh.
sasl.login.retry.backoff.max.ms Longest pause between two attempts to reach the token provider.
sasl.login.retry.backoff.ms First pause between two attempts to reach the token provider.
sasl.mechanism.controller.protocol SASL mechanism for connections to controllers.
sasl.mechanism.inter.broker.protocol SASL mechanism for connections between brokers.
sasl.oauthbearer.assertion.algorithm Algorithm that signs the assertion sent to the token provider.
sasl.oauthbearer.assertion.claim.aud Audience that is written into the assertion.
sasl.oauthbearer.assertion.claim.exp.seconds Seconds for which a created assertion is valid.
sasl.oauthbearer.assertion.claim.iss Issuer that is written into the assertion.
sasl.oauthbearer.assertion.claim.jti.include Whether each assertion contains a unique id.
sasl.oauthbearer.assertion.claim.nbf.seconds Seconds by which the start of an assertion's validity is moved into the past.
sasl.oauthbearer.assertion.claim.sub Subject that is written into the assertion.
sasl.oauthbearer.assertion.file File with a finished assertion, read again when it changes.
sasl.oauthbearer.assertion.private.key.file File with the private key that signs assertions.
sasl.oauthbearer.assertion.private.key.passphrase Passphrase of the private key that signs assertions.
sasl.oauthbearer.assertion.template.file File with fixed headers and claims of assertions.
sasl.oauthbearer.client.credentials.client.id Client id for the token provider's client credentials grant.
sasl.oauthbearer.client.credentials.client.secret Client secret for the token provider's client credentials grant.
sasl.oauthbearer.clock.skew.seconds Difference of clocks in seconds that is tolerated when a token is checked.
sasl.oauthbearer.expected.audience Audiences of which a token has to name one.
sasl.oauthbearer.expected.issuer Issuer that a token has to name.
sasl.oauthbearer.jwks.endpoint.refresh.ms Time between two downloads of the token provider's keys.
sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms Longest pause between two attempts to download the token provider's keys.
sasl.oauthbearer.jwks.endpoint.retry.backoff.ms First pause between two attempts to download the token provider's keys.
sasl.oauthbearer.jwks.endpoint.url URL of the keys that verify token signatures.
sasl.oauthbearer.jwt.retriever.class Class that obtains tokens.
sasl.oauthbearer.jwt.validator.class Class that checks tokens.
sasl.oauthbearer.scope Scope that is requested for a token.
sasl.oauthbearer.scope.claim.name Name of the token's claim that holds the scope.
sasl.oauthbearer.sub.claim.name Name of the token's claim that holds the user.
sasl.oauthbearer.token.endpoint.url URL at which tokens are requested.
sasl.server.callback.handler.class Class that verifies the credentials of clients.
sasl.server.max.receive.size Largest SASL message that the broker accepts before a client is authenticated.
security.inter.broker.protocol Security protocol between brokers, when no listener is named for it.
security.providers Classes that register additional Java security providers.
share.coordinator.append.linger.ms Time for which the share coordinator collects records into one batch; -1 adapts to the load.
share.coordinator.cached.buffer.max.bytes Size up to which the share coordinator keeps a write buffer for reuse.
share.coordinator.load.buffer.size Bytes of the share state topic that are read in one step while it is loaded.
share.coordinator.snapshot.update.records.per.snapshot Number of updates of a share partition between two full snapshots of its state.
share.coordinator.state.topic.compression.codec Number of the codec that compresses the share state topic; 0 is none.
share.coordinator.state.topic.min.isr Replicas of the share state topic that have to be in sync for a write.
share.coordinator.state.topic.num.partitions Number of partitions of the share state topic, fixed when it is created.
share.coordinator.state.topic.replication.factor Number of replicas of the share state topic.
share.coordinator.state.topic.segment.bytes Segment size of the share state topic.
share.coordinator.threads Number of threads of the share coordinator.
share.coordinator.write.timeout.ms Time the share coordinator waits for the replication of a write.
share.fetch.purgatory.purge.interval.requests Number of completed share fetches after which their waiting list is cleaned.
socket.connection.setup.timeout.max.ms Longest time that the broker waits for one of its own outgoing connections after repeated failures.
socket.connection.setup.timeout.ms Time that the broker first waits for one of its own outgoing connections.
socket.listen.backlog.size Number of connections that may wait to be accepted on a listener.
socket.receive.buffer.bytes Socket receive buffer of client connections; -1 leaves it to the operating system.
socket.request.max.bytes Largest request that the broker reads.
socket.send.buffer.bytes Socket send buffer of client connections; -1 leaves it to the operating system.
ssl.allow.dn.changes Whether a replaced certificate may have another distinguished name.
ssl.allow.san.changes Whether a replaced certificate may have other alternative names.
ssl.cipher.suites Cipher suites that TLS may negotiate; empty allows all that are available.
ssl.client.auth Whether TLS clients present a certificate: required, requested or none.
ssl.enabled.protocols TLS versions that may be negotiated.
ssl.endpoint.identification.algorithm How the host name of a TLS peer is verified; empty turns it off.
ssl.engine.factory.class Class that creates TLS engines.
ssl.key.password Secret that decrypts the private key.
ssl.keymanager.algorithm Algorithm of the key manager.
ssl.keystore.certificate.chain Certificate chain in PEM, as an alternative to a key store file.
ssl.keystore.key Private key in PEM, as an alternative to a key store file.
ssl.keystore.location File of the key store with the broker's certificate.
ssl.keystore.password Password of the key store.
ssl.keystore.type Kind of the key store: JKS, PKCS12 or PEM.
ssl.principal.mapping.rules Rules that turn the name in a client certificate into a user name.
ssl.protocol TLS version of newly created contexts.
ssl.provider Name of the Java security provider for TLS.
ssl.secure.random.implementation Source of random numbers for TLS.
ssl.trustmanager.algorithm Algorithm of the trust manager.
ssl.truststore.certificates Trusted certificates in PEM, as an alternative to a trust store file.
ssl.truststore.location File of the trust store with the accepted authorities.
ssl.truststore.password Password of the trust store.
ssl.truststore.type Kind of the trust store: JKS, PKCS12 or PEM.
telemetry.max.bytes Largest batch of metrics that a client may push.
transaction.abort.timed.out.transaction.cleanup.interval.ms Time between two searches for transactions that have exceeded their timeout.
transaction.max.timeout.ms Largest transaction timeout that a producer may request.
transaction.partition.verification.enable Whether the leader checks with the coordinator that a partition belongs to the transaction it is written in.
transaction.remove.expired.transaction.cleanup.interval.ms Time between two searches for expired transactional ids.
transaction.state.log.load.buffer.size Bytes of the transaction state topic that are read in one step while it is loaded.
transaction.state.log.min.isr Replicas of the transaction state topic that have to be in sync for a write.
transaction.state.log.num.partitions Number of partitions of the transaction state topic, fixed when it is created.
transaction.state.log.replication.factor Number of replicas of the transaction state topic.
transaction.state.log.segment.bytes Segment size of the transaction state topic.
transaction.two.phase.commit.enable Whether producers may prepare transactions that an external coordinator decides.
transactional.id.expiration.ms Idle time after which a transactional id is forgotten.
unclean.leader.election.enable Whether a replica outside the ISR may become leader and lose records, for topics without their own setting.
`
