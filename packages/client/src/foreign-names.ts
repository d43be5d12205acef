/** Where a name belongs in ottla. */
export type NamePlace = 'kafka' | 'tls' | 'sasl' | 'producer' | 'consumer' | 'send' | 'record' | 'header' | 'run'

export interface ForeignName {
  readonly place: NamePlace
  /** The names of ottla for it; none: it has no equivalent there. */
  readonly names: readonly string[]
  /** One imperative sentence, where the names alone do not suffice. */
  readonly advice?: string
}

const at = (place: NamePlace, ...names: string[]): ForeignName => ({ place, names })
const advice = (place: NamePlace, sentence: string): ForeignName => ({ place, names: [], advice: sentence })

const brokers = at('kafka', 'brokers')
const retries = at('kafka', 'retryBackoffMs', 'retryBackoffMaxMs')
const timeouts = at('producer', 'deliveryTimeoutMs')
const saslFunctions = advice('kafka', 'Set `sasl: plain({ username, password })`, scramSha256(…) or scramSha512(…).')
const oneRecordEach = advice(
  'record',
  'Pass one record, or an array of records that each have their own topic and value.',
)
const autoCommit = at('consumer', 'commit')
const perTopicCreation = advice('kafka', 'Create topics with `admin.createTopics`: the client creates none by itself.')
const securityProtocol = advice('kafka', 'Set `tls` for SSL, and `sasl` for SASL.')
const ownPartitioner = at('producer', 'partitioner')
const ownMetrics = advice('kafka', 'Leave it out: `kafka.metrics()` returns the numbers of the moment.')
const adaptive = advice('producer', 'Leave it out: records without a key always avoid slow brokers.')

/**
 * The names of other clients: KafkaJS, @platformatic/kafka, librdkafka (node-rdkafka, confluent-kafka) and Java. The key is the
 * name in lower case without `.`, `_` and `-`; names that differ from ottla's only in these need no entry.
 */
export const foreignNames: ReadonlyMap<string, readonly ForeignName[]> = new Map<string, readonly ForeignName[]>([
  // Connections
  ['ssl', [at('kafka', 'tls')]],
  ['bootstrapservers', [brokers]],
  ['bootstrapbrokers', [brokers]],
  ['metadatabrokerlist', [brokers]],
  ['connectiontimeout', [at('kafka', 'connectTimeoutMs')]],
  ['authenticationtimeout', [at('kafka', 'handshakeTimeoutMs')]],
  ['socketconnectionsetuptimeoutms', [at('kafka', 'connectTimeoutMs')]],
  ['requesttimeout', [at('kafka', 'requestTimeoutMs'), at('producer', 'requestTimeoutMs')]],
  ['sockettimeoutms', [at('kafka', 'requestTimeoutMs'), at('producer', 'requestTimeoutMs')]],
  ['defaultapitimeoutms', [at('kafka', 'apiTimeoutMs')]],
  ['metadatamaxage', [at('kafka', 'metadataMaxAgeMs')]],
  ['topicmetadatarefreshintervalms', [at('kafka', 'metadataMaxAgeMs')]],
  ['loglevel', [advice('kafka', "Set `logger: consoleLogger('debug')`.")]],
  ['logcreator', [at('kafka', 'logger')]],
  ['socketfactory', [at('kafka', 'runtime')]],
  ['securityprotocol', [securityProtocol]],
  ['saslmechanism', [saslFunctions]],
  ['saslmechanisms', [saslFunctions]],
  ['saslusername', [saslFunctions]],
  ['saslpassword', [saslFunctions]],
  ['sasljaasconfig', [saslFunctions]],
  ['sslcalocation', [at('kafka', 'tls.ca')]],
  ['rejectunauthorized', [at('tls', 'insecureSkipVerify')]],
  ['enablesslcertificateverification', [at('kafka', 'tls.insecureSkipVerify')]],
  ['allowautotopiccreation', [perTopicCreation]],
  ['autocreatetopics', [perTopicCreation]],
  // Retries
  ['retry', [retries, timeouts]],
  ['retries', [retries, timeouts]],
  ['retrydelay', [retries, timeouts]],
  ['initialretrytime', [at('kafka', 'retryBackoffMs')]],
  ['maxretrytime', [at('kafka', 'retryBackoffMaxMs')]],
  ['messagesendmaxretries', [timeouts]],
  // Producing
  ['enableidempotence', [at('producer', 'idempotent')]],
  ['requestrequiredacks', [at('producer', 'acks')]],
  ['requiredacks', [at('producer', 'acks')]],
  ['batchsize', [at('producer', 'maxBatchBytes')]],
  ['batchnummessages', [at('producer', 'maxBatchBytes')]],
  ['messagemaxbytes', [at('producer', 'maxRequestBytes')]],
  ['maxrequestsize', [at('producer', 'maxRequestBytes')]],
  ['buffermemory', [at('producer', 'maxBufferedBytes')]],
  ['queuebufferingmaxkbytes', [at('producer', 'maxBufferedBytes')]],
  ['queuebufferingmaxmessages', [at('producer', 'maxBufferedBytes')]],
  ['queuebufferingmaxms', [at('producer', 'lingerMs')]],
  ['maxinflightrequestsperconnection', [at('producer', 'maxInFlight'), at('kafka', 'maxInFlightRequests')]],
  ['maxinflightrequests', [at('kafka', 'maxInFlightRequests'), at('producer', 'maxInFlight')]],
  ['messagetimeoutms', [timeouts]],
  ['deliverytimeout', [timeouts]],
  ['maxblockms', [timeouts]],
  ['compressiontype', [at('producer', 'compression')]],
  ['compressioncodec', [at('producer', 'compression')]],
  ['createpartitioner', [ownPartitioner]],
  ['partitionerclass', [ownPartitioner]],
  ['interceptorclasses', [at('producer', 'interceptors')]],
  ['metricreporters', [ownMetrics]],
  ['statisticsintervalms', [ownMetrics]],
  [
    'transactionalid',
    [advice('producer', 'Create the producer by `kafka.transactionalProducer({ transactionalId })`.')],
  ],
  ['transactiontimeout', [advice('producer', 'Set `transactionTimeoutMs` of `kafka.transactionalProducer()`.')]],
  ['transactiontimeoutms', [advice('producer', 'Set `transactionTimeoutMs` of `kafka.transactionalProducer()`.')]],
  ['partitioneravailabilitytimeoutms', [adaptive]],
  ['partitioneradaptivepartitioningenable', [adaptive]],
  ['stickypartitioninglingerms', [adaptive]],
  ['partitionerignorekeys', [advice('producer', "Set `partitioner: 'round-robin'`, or leave out the keys.")]],
  ['timeout', [advice('send', "Set 'deliveryTimeoutMs' of kafka.producer(): it limits each record."), timeouts]],
  ['timeoutms', [advice('send', "Set 'deliveryTimeoutMs' of kafka.producer(): it limits each record."), timeouts]],
  // Records
  ['messages', [oneRecordEach]],
  ['topicmessages', [oneRecordEach]],
  ['acks', [advice('record', "Set 'acks' of kafka.producer().")]],
  ['val', [at('record', 'value')]],
  ['payload', [at('record', 'value')]],
  ['message', [at('record', 'value')]],
  ['data', [at('record', 'value')]],
  ['ts', [at('record', 'timestamp')]],
  ['partitionkey', [at('record', 'key')]],
  [
    'opaque',
    [
      advice(
        'record',
        'Keep it in a closure: `enqueue(record, onSettled)` or the promise of `send` reports the result.',
      ),
    ],
  ],
  ['offset', [advice('record', 'Leave it out: the broker assigns it.')]],
  ['compression', [at('producer', 'compression')]],
  ['name', [at('header', 'key')]],
  // Consuming
  ['group', [at('consumer', 'groupId')]],
  ['autooffsetreset', [at('consumer', 'offsetReset')]],
  ['frombeginning', [advice('consumer', "Set `offsetReset: 'earliest'`.")]],
  ['mode', [at('consumer', 'offsetReset')]],
  ['enableautocommit', [autoCommit]],
  ['autocommit', [autoCommit]],
  ['autocommitinterval', [autoCommit]],
  ['autocommitintervalms', [autoCommit]],
  ['autocommitthreshold', [autoCommit]],
  ['isolationlevel', [at('consumer', 'isolation')]],
  ['readuncommitted', [at('consumer', 'isolation')]],
  ['partitionassigners', [at('consumer', 'assignors')]],
  ['partitionassignmentstrategy', [at('consumer', 'assignors')]],
  ['groupinstanceid', [at('consumer', 'instanceId')]],
  ['groupprotocol', [at('consumer', 'protocol')]],
  ['sessiontimeout', [at('consumer', 'sessionTimeoutMs')]],
  ['heartbeatinterval', [at('consumer', 'heartbeatIntervalMs')]],
  ['maxpollintervalms', [at('consumer', 'maxProcessingMs')]],
  ['maxwaittimeinms', [at('consumer', 'maxWaitMs')]],
  ['fetchmaxwaitms', [at('consumer', 'maxWaitMs')]],
  ['fetchwaitmaxms', [at('consumer', 'maxWaitMs')]],
  // What becomes of messages that cannot be processed; in other clients often an option of the consumer.
  ['deadletterqueue', [at('run', 'deadLetter')]],
  ['deadlettertopic', [at('run', 'deadLetter')]],
  ['dlq', [at('run', 'deadLetter')]],
  ['dlt', [at('run', 'deadLetter')]],
  ['retrytopics', [at('run', 'retryTopics')]],
])
