/** What the broker configs from a to l set, in the testkit's own words: name and sentence. */
export const brokerDocsAToL = `
add.partitions.to.txn.retry.backoff.max.ms Longest pause between two server-side attempts to add partitions to a transaction.
add.partitions.to.txn.retry.backoff.ms First pause between two server-side attempts to add partitions to a transaction.
advertised.listeners Addresses that the broker publishes in metadata for clients and peers, when they differ from where it binds.
alter.config.policy.class.name Class that may reject a change of configs before it is applied.
alter.log.dirs.replication.quota.window.num Number of samples over which the rate of replica moves between log directories is measured.
alter.log.dirs.replication.quota.window.size.seconds Length in seconds of one sample of the rate of replica moves between log directories.
authorizer.class.name Class that decides which principal may do what; empty turns authorization off.
auto.create.topics.enable Whether a metadata request for an unknown topic creates that topic.
auto.leader.rebalance.enable Whether the controller regularly returns leadership to the preferred replicas.
background.threads Size of the thread pool for the broker's housekeeping tasks.
broker.heartbeat.interval.ms Time between two heartbeats of a broker to the controller.
broker.id Former name of node.id.
broker.rack Rack or zone in which the broker runs, for spreading replicas and for reads from a near replica.
broker.session.timeout.ms Silence after which the controller fences a broker.
client.quota.callback.class Class that computes client quotas in place of the built-in quota rules.
compression.gzip.level Level at which the broker compresses with gzip; -1 selects the library's own default.
compression.lz4.level Level at which the broker compresses with lz4.
compression.type Codec of stored batches for topics without their own setting; 'producer' stores them as they arrive.
compression.zstd.level Level at which the broker compresses with zstd.
config.providers Names of the providers that resolve placeholders in config values.
connection.failed.authentication.delay.ms Time that a connection stays open after a failed login, which slows down guessing of passwords.
connections.max.idle.ms Idle time after which the broker closes a client connection.
connections.max.reauth.ms Longest time a SASL connection may be used without authenticating again; 0 sets no limit.
controlled.shutdown.enable Whether a stopping broker first moves its leaderships to other brokers.
controller.listener.names Names of the listeners on which controllers serve.
controller.quorum.append.linger.ms Time for which the quorum leader collects metadata records before it flushes them.
controller.quorum.auto.join.enable Whether a new controller adds itself to the voters of the metadata quorum.
controller.quorum.bootstrap.servers Addresses through which a node finds the metadata quorum.
controller.quorum.election.backoff.max.ms Upper bound of the random pause before another election of a quorum leader.
controller.quorum.election.timeout.ms Time a candidate collects votes before it starts another election.
controller.quorum.fetch.max.bytes Most bytes of metadata records that one fetch from the quorum leader returns.
controller.quorum.fetch.snapshot.max.bytes Most bytes of a metadata snapshot that one request returns.
controller.quorum.fetch.timeout.ms Time without contact to the quorum leader after which a voter starts an election.
controller.quorum.request.timeout.ms Time a quorum node waits for the response to one of its requests.
controller.quorum.retry.backoff.ms Pause before a quorum node repeats a failed request.
controller.quorum.voters Fixed set of quorum voters, each written as id@host:port.
controller.quota.window.num Number of samples over which controller mutations of a client are counted.
controller.quota.window.size.seconds Length in seconds of one sample of controller mutations.
controller.socket.timeout.ms Socket timeout of the connections between controller and brokers.
cordoned.log.dirs Log directories of the broker that receive no new replicas.
create.topic.policy.class.name Class that may reject a new topic before it is created.
default.replication.factor Number of replicas of topics that are created without an explicit count.
delegation.token.expiry.check.interval.ms Time between two searches for expired delegation tokens.
delegation.token.expiry.time.ms Lifetime of a delegation token until its next renewal.
delegation.token.max.lifetime.ms Age at which a delegation token can no longer be renewed.
delegation.token.secret.key Secret that signs delegation tokens, the same on all nodes.
delete.records.purgatory.purge.interval.requests Number of completed DeleteRecords requests after which the waiting list is cleaned.
delete.topic.enable Whether clients may delete topics.
early.start.listeners Listeners that accept connections before the node has finished loading its authorizer.
fetch.max.bytes Size limit of a whole Fetch response.
fetch.purgatory.purge.interval.requests Number of completed fetches after which the waiting list of fetches is cleaned.
follower.fetch.last.tiered.offset.enable Whether a new follower starts behind the tiered part of a log instead of copying it.
follower.replication.throttled.rate Bytes per second that throttled followers of this broker may copy.
group.consumer.assignment.interval.ms Shortest time between two assignments of a consumer group.
group.consumer.assignors Server-side assignors that consumer groups may select, the default one first.
group.consumer.heartbeat.interval.ms Time between heartbeats that the coordinator requests from members of consumer groups.
group.consumer.max.assignment.interval.ms Largest assignment interval that a consumer group may be configured with.
group.consumer.max.heartbeat.interval.ms Largest heartbeat interval that a consumer group may be configured with.
group.consumer.max.session.timeout.ms Largest session timeout that a consumer group may be configured with.
group.consumer.max.size Most members that one consumer group of the new protocol may have.
group.consumer.migration.policy Directions in which groups may change between the classic and the consumer protocol.
group.consumer.min.assignment.interval.ms Smallest assignment interval that a consumer group may be configured with.
group.consumer.min.heartbeat.interval.ms Smallest heartbeat interval that a consumer group may be configured with.
group.consumer.min.session.timeout.ms Smallest session timeout that a consumer group may be configured with.
group.consumer.session.timeout.ms Silence after which a member of a consumer group is removed.
group.coordinator.append.linger.ms Time for which the group coordinator collects records into one batch; -1 adapts to the load.
group.coordinator.background.threads Number of threads for slow work of the group coordinator, such as regular expressions.
group.coordinator.cached.buffer.max.bytes Size up to which the group coordinator keeps a write buffer for reuse.
group.coordinator.rebalance.protocols Group protocols that the coordinator accepts.
group.coordinator.threads Number of threads that run the state machines of groups.
group.initial.rebalance.delay.ms Time an empty classic group waits for further members before its first rebalance.
group.max.session.timeout.ms Largest session timeout that members of classic groups may request.
group.max.size Most members that one classic group may have.
group.min.session.timeout.ms Smallest session timeout that members of classic groups may request.
group.share.assignment.interval.ms Shortest time between two assignments of a share group.
group.share.assignors Server-side assignors that are available to share groups.
group.share.delivery.count.limit Number of deliveries after which a share group archives a record.
group.share.heartbeat.interval.ms Time between heartbeats that the coordinator requests from members of share groups.
group.share.max.assignment.interval.ms Largest assignment interval that a share group may be configured with.
group.share.max.delivery.count.limit Largest delivery limit that a share group may be configured with.
group.share.max.heartbeat.interval.ms Largest heartbeat interval that a share group may be configured with.
group.share.max.partition.max.record.locks Largest number of record locks for each partition that a share group may be configured with.
group.share.max.record.lock.duration.ms Longest record lock that a share group may be configured with.
group.share.max.session.timeout.ms Largest session timeout that a share group may be configured with.
group.share.max.share.sessions Most share sessions that a broker keeps.
group.share.max.size Most members that one share group may have.
group.share.min.assignment.interval.ms Smallest assignment interval that a share group may be configured with.
group.share.min.delivery.count.limit Smallest delivery limit that a share group may be configured with.
group.share.min.heartbeat.interval.ms Smallest heartbeat interval that a share group may be configured with.
group.share.min.partition.max.record.locks Smallest number of record locks for each partition that a share group may be configured with.
group.share.min.record.lock.duration.ms Shortest record lock that a share group may be configured with.
group.share.min.session.timeout.ms Smallest session timeout that a share group may be configured with.
group.share.partition.max.record.locks Most records of one share partition that are locked at the same time.
group.share.record.lock.duration.ms Time for which a delivered record is reserved for its consumer.
group.share.session.timeout.ms Silence after which a member of a share group is removed.
group.streams.assignment.interval.ms Shortest time between two task assignments of a streams group.
group.streams.heartbeat.interval.ms Time between heartbeats that the coordinator requests from members of streams groups.
group.streams.initial.rebalance.delay.ms Time an empty streams group waits for further members before its first assignment.
group.streams.max.assignment.interval.ms Largest assignment interval that a streams group may be configured with.
group.streams.max.heartbeat.interval.ms Largest heartbeat interval that a streams group may be configured with.
group.streams.max.session.timeout.ms Largest session timeout that a streams group may be configured with.
group.streams.max.size Most members that one streams group may have.
group.streams.max.standby.replicas Largest number of standby replicas that a streams group may be configured with.
group.streams.min.assignment.interval.ms Smallest assignment interval that a streams group may be configured with.
group.streams.min.heartbeat.interval.ms Smallest heartbeat interval that a streams group may be configured with.
group.streams.min.session.timeout.ms Smallest session timeout that a streams group may be configured with.
group.streams.num.standby.replicas Number of standby replicas of each stateful task in a streams group.
group.streams.session.timeout.ms Silence after which a member of a streams group is removed.
initial.broker.registration.timeout.ms Time in which a starting broker has to register with the controller before it exits.
inter.broker.listener.name Listener over which brokers talk to each other.
kafka.metrics.polling.interval.secs Seconds between two collections by the old metrics reporters.
kafka.metrics.reporters Old-style classes that receive metrics.
leader.imbalance.check.interval.seconds Seconds between two checks for partitions that are not led by their preferred replica.
leader.replication.throttled.rate Bytes per second that leaders of this broker may send to throttled followers.
listener.security.protocol.map Security protocol of each listener name.
listeners Addresses on which the broker accepts connections.
log.cleaner.backoff.ms Pause of the cleaner when no log needs compaction.
log.cleaner.dedupe.buffer.size Memory for the maps of keys with which all cleaner threads find outdated records.
log.cleaner.delete.retention.ms Time for which tombstones stay readable after compaction, for topics without their own setting.
log.cleaner.enable Whether the cleaner compacts logs.
log.cleaner.io.buffer.load.factor Share of the cleaner's key map that may be filled before it starts another pass.
log.cleaner.io.buffer.size Memory for the read and write buffers of all cleaner threads.
log.cleaner.io.max.bytes.per.second Limit of the cleaner's reads and writes in bytes per second.
log.cleaner.max.compaction.lag.ms Age at which a record becomes due for compaction, for topics without their own setting.
log.cleaner.min.cleanable.ratio Share of uncleaned bytes from which a log is compacted, for topics without their own setting.
log.cleaner.min.compaction.lag.ms Time for which a record is safe from compaction, for topics without their own setting.
log.cleaner.threads Number of threads that compact logs.
log.cleanup.policy How old records leave a log (deletion, compaction or both), for topics without their own setting.
log.dir Single log directory, used when log.dirs is not set.
log.dir.failure.timeout.ms Time in which a broker has to report a failed log directory to the controller before it exits.
log.dirs Directories in which the broker stores the logs of its replicas.
log.flush.interval.messages Number of appended records after which a log is flushed, for topics without their own setting.
log.flush.interval.ms Longest time that appended records remain unflushed, for topics without their own setting.
log.flush.offset.checkpoint.interval.ms Time between two writes of the file with the flushed offsets.
log.flush.scheduler.interval.ms Time between two searches for logs that are due to be flushed.
log.flush.start.offset.checkpoint.interval.ms Time between two writes of the file with the log start offsets.
log.index.interval.bytes Bytes of records between two entries of the offset index, for topics without their own setting.
log.index.size.max.bytes Size of a segment's offset index, for topics without their own setting.
log.local.retention.bytes Size up to which a tiered log is also kept on local disks, for topics without their own setting.
log.local.retention.ms Time for which tiered segments are also kept on local disks, for topics without their own setting.
log.message.timestamp.after.max.ms How far in the future a record's timestamp may be, for topics without their own setting.
log.message.timestamp.before.max.ms How far in the past a record's timestamp may be, for topics without their own setting.
log.message.timestamp.type Whether stored timestamps are the producer's or the time of the append, for topics without their own setting.
log.preallocate Whether new segment files get their full size on disk immediately, for topics without their own setting.
log.retention.bytes Size above which old segments of a partition are deleted, for topics without their own setting.
log.retention.check.interval.ms Time between two searches for segments that retention deletes.
log.retention.hours Retention time in hours, used when neither minutes nor milliseconds are set.
log.retention.minutes Retention time in minutes, used when no milliseconds are set.
log.retention.ms Age at which segments are deleted, for topics without their own setting; -1 keeps them.
log.roll.hours Age in hours at which a new segment begins, used when log.roll.ms is not set.
log.roll.jitter.hours Random reduction of the segment age in hours, used when log.roll.jitter.ms is not set.
log.roll.jitter.ms Random reduction of the segment age, so that not all logs roll together, for topics without their own setting.
log.roll.ms Age at which a new segment begins even if the old one is not full, for topics without their own setting.
log.segment.bytes Size at which a segment is closed and the next begins, for topics without their own setting.
log.segment.delete.delay.ms Time between the removal of a segment from its log and the deletion of its files, for topics without their own setting.
`
