/** What the configs of topics set, in the testkit's own words: name and sentence. */
export const topicDocs = `
cleanup.policy How old records leave this topic's logs: by deletion, compaction or both.
compression.gzip.level Level of gzip when the broker compresses this topic with it.
compression.lz4.level Level of lz4 when the broker compresses this topic with it.
compression.type Codec in which this topic is stored; 'producer' stores batches as they arrive.
compression.zstd.level Level of zstd when the broker compresses this topic with it.
delete.retention.ms Time for which readers can still see a tombstone after it was compacted.
file.delete.delay.ms Time between the removal of one of the topic's segments and the deletion of its files.
flush.messages Number of appended records after which a log of the topic is flushed.
flush.ms Longest time that appended records of the topic remain unflushed.
follower.replication.throttled.replicas Replicas of the topic whose copying is throttled on the follower's side; * means all.
index.interval.bytes Bytes of records between two entries of an offset index of the topic.
leader.replication.throttled.replicas Replicas of the topic whose copying is throttled on the leader's side; * means all.
local.retention.bytes Size up to which the topic's tiered logs are also kept on local disks; -2 uses retention.bytes.
local.retention.ms Time for which the topic's tiered segments are also kept on local disks; -2 uses retention.ms.
max.compaction.lag.ms Age at which a record of the topic becomes due for compaction.
max.message.bytes Largest record batch that the topic accepts, after compression.
message.timestamp.after.max.ms How far in the future the timestamp of a record of the topic may be.
message.timestamp.before.max.ms How far in the past the timestamp of a record of the topic may be.
message.timestamp.type Whether the topic keeps the producers' timestamps or stores the time of the append.
min.cleanable.dirty.ratio Share of uncleaned bytes from which a log of the topic is compacted.
min.compaction.lag.ms Time for which a record of the topic is safe from compaction.
min.insync.replicas Replicas of a partition that have to be in sync before a write with acks=all is accepted.
preallocate Whether the topic's new segment files get their full size on disk immediately.
remote.log.copy.disable Whether the topic stops uploading to tiered storage, while the uploaded part stays readable.
remote.log.delete.on.disable Whether turning tiered storage off for the topic also deletes what was uploaded.
remote.storage.enable Whether the topic uses tiered storage.
retention.bytes Size of a partition above which its oldest segments are deleted; -1 sets no limit.
retention.ms Age at which the topic's segments are deleted; -1 keeps them.
segment.bytes Size at which a segment of the topic is closed and the next begins.
segment.index.bytes Size of the offset index of one of the topic's segments.
segment.jitter.ms Random reduction of segment.ms, so that the topic's partitions do not all roll together.
segment.ms Age at which a new segment of the topic begins, even if the old one is not full.
unclean.leader.election.enable Whether a replica outside the ISR may become leader of the topic's partitions and lose records.
`

/** What the configs of groups set. */
export const groupDocs = `
consumer.assignment.interval.ms Shortest time between two assignments of this consumer group.
consumer.heartbeat.interval.ms Time between heartbeats of this group's consumers.
consumer.session.timeout.ms Silence after which this group removes a consumer.
share.assignment.interval.ms Shortest time between two assignments of this share group.
share.auto.offset.reset Where this share group starts to read a partition: earliest, latest or a duration before now.
share.delivery.count.limit Number of deliveries after which this group archives a record.
share.heartbeat.interval.ms Time between heartbeats of this share group's members.
share.isolation.level Whether this share group reads records of open and aborted transactions.
share.partition.max.record.locks Most records of a partition that are locked for this group at the same time.
share.record.lock.duration.ms Time for which a record is reserved for the member of this group that received it.
share.renew.acknowledge.enable Whether members of this group may extend the lock of a record.
share.session.timeout.ms Silence after which this share group removes a member.
streams.assignment.interval.ms Shortest time between two task assignments of this streams group.
streams.heartbeat.interval.ms Time between heartbeats of this streams group's members.
streams.initial.rebalance.delay.ms Time this streams group waits for further members before its first assignment.
streams.num.standby.replicas Number of standby replicas that this group keeps of each stateful task.
streams.session.timeout.ms Silence after which this streams group removes a member.
`

/** What the configs of client metrics subscriptions set. */
export const clientMetricsDocs = `
interval.ms Time between two pushes of metrics by the clients of this subscription.
match Patterns of client attributes that select the clients of this subscription.
metrics Prefixes of the metric names that this subscription collects.
`
