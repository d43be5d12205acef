export type { Runtime, TlsOptions, Transport, TransportReader } from '@ottla/runtime'
export { Admin } from './admin/admin.ts'
export type { BrokerDescription, ClusterDescription } from './admin/cluster-description.ts'
export type { GroupOffset, NewGroupOffset } from './admin/group-offsets.ts'
export type { GroupDescription, GroupListing, GroupMember } from './admin/groups.ts'
export type { ListedOffset, OffsetQuery, OffsetSpec } from './admin/offsets.ts'
export { AdminError } from './admin/results.ts'
export type {
  CreatedTopic,
  NewTopic,
  TopicDescription,
  TopicListing,
  TopicPartitionDescription,
} from './admin/topics.ts'
export type { CallOptions, CloseOptions } from './call-options.ts'
export { type CommittedPosition, Consumer, type RejoinOptions } from './consumer/consumer.ts'
export type { BadRecord, BadRecordAction, BadRecordPolicy } from './consumer/decoding/bad-records.ts'
export type {
  BadRecordEvent,
  CommitFailedEvent,
  CommittedEvent,
  ConsumerEventMap,
  DelayedEvent,
  ForwardedEvent,
  HandlerRetryEvent,
  LostEvent,
  PositionResetEvent,
  RebalancingEvent,
  StalledEvent,
  StuckEvent,
  UnreadableEvent,
} from './consumer/events.ts'
export type { FailedRecord, OriginalPlace, UnreadableBatch } from './consumer/failures/failure.ts'
export type { FailureHeaderFormat, FailureHeaders } from './consumer/failures/failure-headers.ts'
export type { DeadLetterOptions, DeadLetterTarget, RetryTopic } from './consumer/failures/failure-options.ts'
export type { OutgoingHeader, OutgoingRecord, RecordSender, StoredRecord } from './consumer/failures/record-sender.ts'
export type { DeadLetter, RedriveOptions, RedriveReport } from './consumer/failures/redrive-options.ts'
export type { OnUnreadable, UnreadableAction } from './consumer/failures/unreadable.ts'
export type { ByteBudget } from './consumer/fetching/byte-budget.ts'
export { type AnyMessage, type BatchOf, type DetachedMessage, Message, MessageBatch } from './consumer/message.ts'
export type { ReadEnd } from './consumer/offsets/read-ends.ts'
export type {
  AssignedPartition,
  CommitMode,
  ConsumerOptions,
  MessageOf,
  RebalanceContext,
  RebalanceHook,
  TopicSelector,
} from './consumer/options.ts'
export type { BatchReader } from './consumer/reading/batch-reader.ts'
export type { CollectOptions, Collector } from './consumer/reading/collector.ts'
export type { Item } from './consumer/reading/marks.ts'
export type { MessageReader, ReadOptions } from './consumer/reading/message-reader.ts'
export type { PartitionReader, PartitionReaders } from './consumer/reading/partition-readers.ts'
export type { PollOptions } from './consumer/reading/poll.ts'
export type { Concurrency, HandlerContext, RetryPolicy, RunOptions } from './consumer/reading/run-options.ts'
export type { StreamOptions } from './consumer/reading/streams.ts'
export type { ConsumerStatus, PartitionStatus } from './consumer/status.ts'
export { type Re2Pattern, re2, type UntypedSelector } from './consumer/topic-selector.ts'
export type {
  DiagnosticsMessages,
  Ended,
  ProduceEnded,
  ProduceStarted,
  RequestEnded,
  RequestStarted,
  SendEnded,
  SendStarted,
  Started,
} from './diagnostics.ts'
export {
  type BrokerAddress,
  type ClientErrorCode,
  type ErrorCode,
  KafkaError,
  type KafkaErrorChanges,
  type KafkaErrorDetails,
  type Outcome,
} from './errors.ts'
export type {
  ClientEventMap,
  ConnectFailedEvent,
  ConnectionEvent,
  DisconnectedEvent,
  MetadataEvent,
  RebootstrappedEvent,
  ThrottledEvent,
} from './events.ts'
export type { HandlerTransaction } from './exactly-once/handler-transaction.ts'
export type { TransactionalProcessorOptions } from './exactly-once/options.ts'
export {
  type ProcessorCounts,
  type ProcessorEventMap,
  type ProcessorStatus,
  type TransactionAbortedEvent,
  TransactionalProcessor,
} from './exactly-once/processor.ts'
export type {
  AssignContext,
  AssignedContext,
  Assignment,
  Assignor,
  AssignorGroup,
  GroupMember as AssignorMember,
  MemberAssignment,
  SubscriptionContext,
} from './group/assignors/assignor.ts'
export type { AssignorName } from './group/assignors/assignor-option.ts'
export type { RawAssignContext, RawAssignedContext, RawAssignor, RawMember } from './group/assignors/raw-assignor.ts'
export type { Subscription } from './group/consumer-protocol.ts'
export type { GroupIdentity, MembershipState, RebalanceInfo, TopicLayout, TopicPartition } from './group/membership.ts'
export type { PartitionOffset, StartOffset, StartPlace, TimestampPlace } from './group/offset-input.ts'
export type { Delivered, Origin, OriginGroup } from './group/origin.ts'
export { type Health, Kafka } from './kafka.ts'
export {
  consoleLogger,
  type LogFields,
  type Logger,
  type LogLevel,
  type PinoLike,
  pinoLogger,
  silentLogger,
} from './logger.ts'
export { type HistogramUnit, type HistogramValue, quantileOf, sumHistograms } from './metrics/histogram.ts'
export type { ApiMetrics } from './metrics/request-times.ts'
export type {
  HealthReport,
  HistogramFamily,
  MetricFamily,
  MetricLabels,
  MetricsSnapshot,
  NumberFamily,
} from './metrics.ts'
export type { MapBroker } from './net/mapped-address.ts'
export type { Credentials, SaslExchange, SaslMechanism, UserPassword } from './net/sasl/mechanism.ts'
export { plain } from './net/sasl/plain.ts'
export { type ScramOptions, scramSha256, scramSha512 } from './net/sasl/scram.ts'
export type { BrokerList, KafkaOptions } from './options.ts'
export type { OnSettled } from './producer/calls.ts'
export type {
  DeliveryFailedEvent,
  IdentityChangedEvent,
  LeaderMovedEvent,
  ProducerEventMap,
  ProducerIdentity,
  ProduceThrottledEvent,
} from './producer/events.ts'
export { type ProducerInterceptor, type SettledRecords, withHeaders } from './producer/interceptors.ts'
export { keyPartition, murmur2 } from './producer/murmur2.ts'
export type {
  Acks,
  ProducerCompression,
  ProducerOptions,
  ProducerTopicOptions,
  ResolvedProducerOptions,
  ResolvedProducerTopicOptions,
} from './producer/options.ts'
export type { PartitionerName } from './producer/partition-rules.ts'
export type { Partitioner, PartitionerArgs } from './producer/partitioner.ts'
export { Producer, type SendOptions, type WaitOptions } from './producer/producer.ts'
export { type Receipt, SendError } from './producer/receipt.ts'
export type { HeadersInput, ProducerRecord, RecordData } from './producer/record-input.ts'
export type { OffsetsSource } from './producer/transactions/offsets-input.ts'
export type { TransactionalProducerOptions } from './producer/transactions/options.ts'
export { type SendOffsetsOptions, Transaction, type TransactionStatus } from './producer/transactions/transaction.ts'
export { TransactionalProducer } from './producer/transactions/transactional-producer.ts'
export { type OpenConnection, type OpenTarget, runtimeOver } from './runtime/duplex-dial.ts'
export { nodeRuntime } from './runtime/node-runtime.ts'
export type { SchemaIssue } from './schema-issue.ts'
export type {
  AcknowledgeFailedEvent,
  JobFailedEvent,
  LockLostEvent,
  ShareConsumerEventMap,
  ShareRebalancedEvent,
  ShareRecordPlace,
  ShareUnreadableEvent,
} from './share/events.ts'
export { Job, type JobOf } from './share/job.ts'
export type { JobLoop } from './share/job-loop.ts'
export type { ShareConsumerOptions } from './share/options.ts'
export type { JobContext, JobRunOptions } from './share/run-options.ts'
export { ShareConsumer } from './share/share-consumer.ts'
export type { TlsProvider } from './tls-options.ts'
export { json } from './topics/json-serde.ts'
export { boolean, float32, float64, int16, int32, int64 } from './topics/number-serdes.ts'
export type {
  AnySerde,
  DeserializeContext,
  InputOf,
  OutputOf,
  PrepareContext,
  Serde,
  SerdeContext,
  SerdeField,
  SyncSerde,
} from './topics/serde.ts'
export type {
  SchemaInput,
  SchemaOutput,
  SchemaResult,
  StandardSchema,
  SyncSchema,
} from './topics/standard-schema.ts'
export { bytes, string, uuid } from './topics/text-serdes.ts'
export { type Topic, type TopicRecord, type TopicSerdes, topic } from './topics/topic.ts'
