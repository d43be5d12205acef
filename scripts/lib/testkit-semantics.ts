/** A test by its file and title, or a step of `npm run conformance -- testkit` by its label. */
export interface Evidence {
  /** The end of its path within the testkit, so that folders may move. */
  readonly file: string
  readonly name: string
}

export interface Semantic {
  /** A behaviour of Kafka that clients notice. */
  readonly what: string
  readonly shownBy: readonly Evidence[]
  /** The part that no test shows, or that the testkit lacks. */
  readonly missing?: string
}

const named = (file: string) => (name: string) => ({ file, name })
const semantic = named('test/semantics.test.ts')
const replicated = named('test/replicated-topic.test.ts')
const records = named('test/records.test.ts')
const transactions = named('test/transactions.test.ts')
const transaction = named('transaction-requests.test.ts')
const leader = named('leader-state.test.ts')
const replica = named('replicas/replica.test.ts')
const cleaning = named('cleaning-schedule.test.ts')
const compression = named('test/compression.test.ts')
const recreated = named('test/recreated-topic.test.ts')
const producers = named('producer-states.test.ts')
const log = named('replica-log.test.ts')
const retention = named('log-retention.test.ts')
const cleaner = named('log-cleaner.test.ts')
const offsets = named('offsets.test.ts')
const sessions = named('fetch-sessions.test.ts')
const group = named('classic-group.test.ts')
const coordinator = named('group-coordinator.test.ts')
const consumerGroup = named('consumer-group.test.ts')
const election = named('election.test.ts')
const admin = named('test/admin.test.ts')
const operating = named('test/operating.test.ts')
const operations = named('test/operations.test.ts')
const groups = named('test/groups.test.ts')
const acls = named('test/acls.test.ts')
const quotas = named('test/quotas.test.ts')
const connections = named('test/connections.test.ts')
const step = (file: string) => named(`cases/${file}.ts`)

/** Where models of Kafka tend to go wrong, in the order of records, consumers, transactions, logs, groups, cluster. */
export const semantics: readonly Semantic[] = [
  {
    what: '`acks=all` with too few in-sync replicas is rejected before the append. A record that is appended and not replicated in time is timed out, and stays in the log.',
    shownBy: [
      replicated('is rejected before the append when fewer replicas are in sync than min.insync.replicas'),
      replicated('that takes too long is REQUEST_TIMED_OUT, but the record is in the log'),
      replicated('times out without a commit when the ISR shrinks below min.insync.replicas while it waits'),
      replica('records committed with too few replicas in sync afterwards are NOT_ENOUGH_REPLICAS_AFTER_APPEND'),
    ],
    missing:
      '`NOT_ENOUGH_REPLICAS_AFTER_APPEND` on the wire without a fault: here commit and response happen in one turn, in Kafka they race',
  },
  {
    what: 'The high watermark does not advance while fewer than `min.insync.replicas` are in sync, also for `acks=1`: such records are acknowledged but not readable.',
    shownBy: [
      replicated('and acks=1 do not advance the high watermark while too few replicas are in sync'),
      leader('does not move below min.insync.replicas, which is limited to the number of replicas'),
    ],
  },
  {
    what: 'A follower that has caught up holds back the high watermark before it is in the ISR, and joins only when it has everything up to the high watermark and the start of the epoch.',
    shownBy: [
      leader('waits for a caught-up follower outside the ISR, which is about to join'),
      leader('adds a follower that reached the high watermark and the start of the epoch'),
    ],
  },
  {
    what: 'An old leader epoch is fenced, and a later one unknown; epochs are checked before leadership.',
    shownBy: [
      replicated('fence a client with an old one, and are unknown to the broker when newer'),
      step('02-list-offsets')('a later epoch, another leads'),
    ],
  },
  {
    what: 'A fetch with a diverging last epoch gets the point of divergence without an error; one outside of the log is out of range.',
    shownBy: [
      replicated('show a client with truncated records where its log diverges from the leader’s'),
      step('01-fetch')('diverged'),
      step('01-fetch')('beyond the end, diverged'),
      step('01-fetch')('before the start'),
    ],
  },
  {
    what: 'A new leader does not return the latest offset until its high watermark reaches its epoch.',
    shownBy: [replicated('does not return the latest offset before its high watermark reaches the start of its epoch')],
  },
  {
    what: 'ListOffsets by timestamp finds the first record with that time or later, also within a batch.',
    shownBy: [records('finds %s at %s'), records('are found in compressed batches')],
  },
  {
    what: 'ListOffsets for the maximum timestamp (−3) finds that record, and not the end of its batch.',
    shownBy: [records('finds %s at %s'), log('find the first batch with the largest timestamp')],
  },
  {
    what: 'The latest offset is the last stable offset for `read_committed`, and the high watermark otherwise.',
    shownBy: [
      transactions('is invisible until it is committed, and raises the epoch'),
      step('02-list-offsets')('of committed'),
    ],
  },
  {
    what: 'Fetch returns the last stable offset, and the aborted transactions within the returned records.',
    shownBy: [transactions('is listed as aborted after an abort')],
  },
  {
    what: 'A duplicate of one of the last five batches gets its first offset; any other sequence gap is out of order.',
    shownBy: [
      producers('of one of the last five batches return its first offset; of an earlier one are out of order'),
      producers('that start like a batch of the window but end elsewhere are no duplicate'),
      step('00-produce')('sequence 0 again'),
    ],
  },
  {
    what: 'Sequences wrap from 2³¹−1 to 0; an unknown producer may start with any sequence; a new epoch starts with 0.',
    shownBy: [
      producers('wrap from 2^31-1 to 0, between batches and within one'),
      producers('of an unknown producer may start anywhere'),
      producers('start with sequence 0, and fence earlier ones'),
    ],
  },
  {
    what: 'Producer state expires, survives a change of the leader, and is restored when the log is truncated.',
    shownBy: [
      operations('idempotent producers expire, and then any sequence number is accepted'),
      replicated('of a producer and its sequence numbers survive a change of the leader'),
      log('removes the producer state of truncated batches'),
    ],
  },
  {
    what: '`PRODUCER_FENCED` is returned only in versions that have it; older ones get `INVALID_PRODUCER_EPOCH`.',
    shownBy: [
      transactions('requires added partitions'),
      transactions('is aborted by the next producer with the same id'),
      step('24-add-partitions-to-txn')('fenced'),
    ],
  },
  {
    what: 'While a transaction is ending, other requests get `CONCURRENT_TRANSACTIONS`; partitions that were not added get `TRANSACTION_ABORTABLE`; it survives the death of its coordinator.',
    shownBy: [
      transactions('is aborted by the next producer with the same id'),
      transaction('rejects requests while a change is being written to the log'),
      transactions('requires added partitions'),
      transactions('survives the death of its coordinator'),
    ],
  },
  {
    what: 'With version 2 (KIP-890) each end bumps the epoch, so a late record is rejected; with older clients the epoch stays, and without verification a late record becomes part of the next transaction.',
    shownBy: [
      transactions('is invisible until it is committed, and raises the epoch'),
      transactions('requires added partitions'),
      semantic('a late record of an older client is in the next transaction when writes are not verified'),
    ],
  },
  {
    what: 'DeleteRecords beyond the high watermark is out of range; deleting deleted records succeeds; topics with compaction only reject it; the response is sent when all live replicas have deleted.',
    shownBy: [
      admin('deletes records on all live replicas before the response'),
      step('21-delete-records')('beyond the end'),
      step('21-delete-records')('what is deleted already'),
      step('21-delete-records')('of a compacted topic'),
    ],
  },
  {
    what: 'Retention deletes whole segments, oldest first, stops at the first that must be kept, and never exceeds the high watermark.',
    shownBy: [
      retention('deletes whole segments, oldest first, and stops at the first that is kept'),
      retention('never deletes beyond the high watermark'),
    ],
  },
  {
    what: 'Committed offsets expire once the group is empty or no longer subscribes to the topic, and an empty group is deleted with them; not while a transaction has pending offsets.',
    shownBy: [
      offsets('of a group counts from when it became empty'),
      offsets('of a topic that a stable group no longer subscribes to counts from the last commit'),
      offsets('of offsets without a group counts from the last commit'),
      semantic('offsets do not expire while a transaction has pending ones'),
    ],
  },
  {
    what: 'Deleting a topic deletes its committed offsets in all groups.',
    shownBy: [offsets('removes the offsets of a deleted topic in all groups')],
  },
  {
    what: 'Compaction stops at the last stable offset or the active segment; preserves first and last offsets; leaves empty batches; removes tombstones by the time of their first cleaning; records without a key are rejected on produce.',
    shownBy: [
      cleaner('skips records at or above the last stable offset and segments that are too young'),
      cleaner('keeps first and last offset, epoch and timestamps of a batch that lost records'),
      cleaner('keeps an empty batch as the last of a producer and at the end of the round'),
      cleaner('keeps tombstones for delete.retention.ms after their first cleaning'),
      records('without a key on a compacted topic'),
    ],
  },
  {
    what: 'The cleaner runs in the background: it compacts logs dirtier than `min.cleanable.dirty.ratio` or older than `max.compaction.lag.ms`, and no records younger than `min.compaction.lag.ms`.',
    shownBy: [
      named('test/cleaning.test.ts')('compacts a topic automatically on all replicas after log.cleaner.backoff.ms'),
      cleaning('skips a log that is not dirty enough until more is written'),
      cleaning('cleans records older than max.compaction.lag.ms regardless of the dirty ratio, and sleeps until then'),
      cleaning('keeps records younger than min.compaction.lag.ms'),
    ],
  },
  {
    what: 'With a `compression.type` other than `producer` the leader stores batches with that codec, and rejects batches that become too large.',
    shownBy: [
      compression('%s is the codec of stored batches, regardless of the codec of the producer'),
      compression('uncompressed decompresses batches, which may then be too large'),
      compression('with LogAppendTime the batch has the time of the broker, and records keep their own'),
    ],
    missing:
      'zstd, and batches above about 64 KiB that codecs process on another thread, are stored as the producer sent them; levels (`compression.gzip.level` and others) have no effect',
  },
  {
    what: 'Offsets have gaps. A fetch within a gap returns the next batch, and a batch may start before the requested offset.',
    shownBy: [
      log('skips a gap that compaction left'),
      operating('is compacted on all replicas, and a consumer reads across the gaps'),
      records('returns whole batches up to maxBytes, at least one, and may start before its offset'),
    ],
  },
  {
    what: 'With `LogAppendTime` all records have the broker’s time, which the response contains; timestamps out of bounds are rejected with the indexes of the records.',
    shownBy: [
      records('with LogAppendTime records have the broker’s time, which the response contains'),
      records('with a list of the invalid records'),
      step('00-produce')('stamped by the client'),
    ],
  },
  {
    what: 'One batch per partition; checksum, counts, format, control bit and size are checked, each with Kafka’s error, and the whole batch is rejected.',
    shownBy: [
      records('with a wrong checksum'),
      records('together with another one'),
      records('with a wrong record count'),
      records('with control records'),
    ],
  },
  {
    what: '`acks=0` gets no response; an error closes the connection.',
    shownBy: [records('gets no response, and appends the records'), records('closes the connection on an error')],
  },
  {
    what: 'The size limit of a fetch is soft: the first partition with records returns at least one batch. The others share the rest, in an order that rotates within a session.',
    shownBy: [
      records('divides maxBytes among partitions: only the first with records must return at least one batch'),
      sessions('starts with the partitions that returned no records last time'),
    ],
  },
  {
    what: 'Fetch sessions return only changes, end when they are evicted, and reject other ids, epochs, and a mix of topic ids and names.',
    shownBy: [
      sessions('keeps its partitions, and returns only changed ones'),
      sessions('rejects another epoch, another id and a change between names and topic ids'),
      sessions('creates no session while the cache is full, until the least recently used one is evictable'),
    ],
  },
  {
    what: 'A waiting fetch completes with enough bytes, at its timeout, when a topic is deleted, or when the epoch ends; in an older segment it does not wait, and no response crosses its segment.',
    shownBy: [
      records('waits for minBytes, at most maxWaitMs'),
      admin('that are deleted end waiting requests'),
      semantic('a waiting fetch ends when another broker becomes the leader'),
      step('01-fetch')('of an older segment'),
    ],
    missing: 'an early response when the logs diverge',
  },
  {
    what: 'Classic groups: member ids first, the initial delay, the leader’s assignment, the rebalance timeout, static members that rejoin without a rebalance and are fenced, dead and empty groups.',
    shownBy: [
      group('assigns an id to a new dynamic member and waits for it to rejoin'),
      group('extends the initial delay with each new member, up to the rebalance timeout'),
      group('rebalances a stable group for a new member, and removes members that do not rejoin in time'),
      group('join without an id and rejoin without a rebalance, where the leader skips the assignment'),
      group('fence the held join under their old id'),
      offsets(
        'returns protocol and metadata only of a stable group, and a missing group as Dead, with an error since version 6',
      ),
    ],
  },
  {
    what: 'KIP-848 groups: partitions are released before another member gets them, lost responses are repeated, stale epochs, regular expressions, groups that change their protocol when a member joins or leaves.',
    shownBy: [
      consumerGroup('assigns a partition to another member only after its owner has confirmed the revocation'),
      consumerGroup('repeats a lost response to a member that reports no more than it owns'),
      consumerGroup('resolves expressions again for new topics, at most every ten seconds'),
      step('08-offset-commit')('an epoch that is over'),
      step('68-consumer-group-heartbeat')('upgraded'),
      step('68-consumer-group-heartbeat')('downgraded'),
      named('consumer-group.simulation.test.ts')('seed %i: converges to one owner per partition, and never has two'),
    ],
  },
  {
    what: 'A topic that is deleted and recreated is another topic, by its id. Brokers receive metadata later than the controller, and independently.',
    shownBy: [
      admin('that are deleted and created again have a new id'),
      recreated('a fetch session keeps the first name of a topic id, also when the topic is deleted and recreated'),
      admin('that were deleted while a broker was down are removed when it restarts'),
      acls('brokers apply an ACL one turn later, and keep it over a restart'),
    ],
  },
  {
    what: 'A dead broker is fenced after its session; the first live in-sync replica becomes leader; the preferred leader is restored; a clean shutdown moves leaders first; coordinators move, and load before they serve.',
    shownBy: [
      replicated('is replaced by the next replica in order, in a new epoch, without losing acknowledged records'),
      election('elects the first live in-sync replica in replica order, in a new epoch'),
      admin('return automatically after leader.imbalance.check.interval.seconds'),
      operating('moves the leaders before the broker stops, without waiting for a session timeout'),
      coordinator('is served only by the leader, once its log is loaded'),
      groups('the next one has members, generation, assignment and offsets'),
    ],
  },
  {
    what: 'Quotas are enforced: the response carries the throttle time, and the connection is muted for that time.',
    shownBy: [quotas('throttles the connection of a client above it until the rate is back at the limit')],
  },
  {
    what: 'An unsupported version of ApiVersions gets a response in version 0 with the supported ones; any other request in an unsupported version closes the connection.',
    shownBy: [
      connections('a newer client gets the supported versions in an ApiVersions response of version 0'),
      connections('a version that is not advertised'),
    ],
  },
  {
    what: 'A client that may not describe a topic cannot find out whether it exists.',
    shownBy: [acls('does not reveal whether a topic without describe permission exists')],
  },
]
