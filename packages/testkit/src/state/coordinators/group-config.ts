/** Kafka's broker configurations of the same names, in camelCase. */
export interface GroupConfig {
  /** `group.initial.rebalance.delay.ms`: 3000 in Kafka. The testkit's default is 0 to keep tests fast. */
  readonly initialRebalanceDelayMs: number
  readonly minSessionTimeoutMs: number
  readonly maxSessionTimeoutMs: number
  readonly maxSize: number
  /** Session timeout of a member whose first JoinGroup is held: a constant of five minutes in Kafka. */
  readonly newMemberJoinTimeoutMs: number
  readonly offsetMetadataMaxBytes: number
  readonly offsetsCommitTimeoutMs: number
  readonly offsetsRetentionMs: number
  readonly offsetsRetentionCheckIntervalMs: number
}

export const defaultGroupConfig: GroupConfig = Object.freeze({
  initialRebalanceDelayMs: 0,
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  maxSize: 2_147_483_647,
  newMemberJoinTimeoutMs: 300_000,
  offsetMetadataMaxBytes: 4_096,
  offsetsCommitTimeoutMs: 5_000,
  offsetsRetentionMs: 10_080 * 60_000,
  offsetsRetentionCheckIntervalMs: 600_000,
})
