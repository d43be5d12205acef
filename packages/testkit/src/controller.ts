/** Who leads what: the one authority; brokers learn of its decisions a little later. */
export interface Controller {
  /**
   * Creates `__consumer_offsets` (offsets.topic.num.partitions, RF min(offsets.topic.replication.factor, live brokers), compact)
   * when it is missing. Brokers learn of it asynchronously: answer COORDINATOR_NOT_AVAILABLE until `broker.leaderOf` knows.
   */
  ensureOffsetsTopic(): void
}
