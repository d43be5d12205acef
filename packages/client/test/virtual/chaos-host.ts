export type Place = { readonly topic: string; readonly partition: number }

/** A partition of one incarnation of a topic. */
export type LogId = { readonly id: string; readonly partition: number }

export type Reset = Place & { readonly from: bigint | undefined; readonly to: bigint; readonly reason: string }

export interface CommitOrigin {
  /** False when another member has the partition. */
  readonly isOwner: boolean
  /** When the member sent it. */
  readonly sentAtMs: number
}

/** What the model reads of the world: the brokers' logs by topic id, and the group's offsets. */
export interface ModelHost {
  nowMs(): number
  report(violation: string, at: Place): void
  /** '' while no topic has the name. */
  idOf(topic: string): string
  /** The id of the topic whose log has the record; undefined: none has, or its transaction was aborted. */
  originOf(log: LogId, at: Place, offset: number, value: string): string | undefined
  /** The records in [from, to) that a member must get. */
  due(log: LogId, from: number, to: number): Iterable<{ readonly offset: number; readonly value: string }>
  /** Members can read up to here. */
  readableEnd(log: LogId): number
  /** No offset beyond it can be committed. */
  end(log: LogId): number
  /** Whether an unclean election lost committed records. */
  wasCut(log: LogId): boolean
  /** Why the log does not justify that a member leaves the offset `from`. */
  unjustified(reset: Reset, log: LogId, from: number | undefined): string | undefined
  keyOf(value: string): string
  /** Some members work by key. */
  readonly commitsWhatIsAbove: boolean
  /** Its attempts have failed: it is stored in another topic. */
  isPassedOn(value: string): boolean
  /** The group's offset at the coordinator. */
  committed(at: Place): number | undefined
}

/** The place as a member has it. */
export function key(member: string, { topic, partition }: Place): string {
  return `${member} ${topic} ${partition}`
}
