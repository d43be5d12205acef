/** A partition of one life of a topic: a topic that is deleted and created again has another `topicId`. */
export interface Place {
  readonly topic: string
  readonly partition: number
}

/** A record that the application has processed; `atMs` is wall time. */
export interface Handled extends Place {
  readonly offset: number
  readonly value: string
  readonly atMs: number
}

/** An offset on its way to the coordinator, or there; `atMs` is wall time. */
export interface Commit extends Place {
  readonly offset: number
  readonly atMs: number
  /** Where the request names the topic by its id. */
  readonly topicId?: string | undefined
}

/** A member of a group that processes records one by one. */
export interface Reader {
  /** `java`, or how ottla reads. */
  readonly label: string
  readonly groupId: string
  readonly handled: readonly Handled[]
  /** The commits that the client itself sent or saw confirmed. */
  readonly commits: readonly Commit[]
  /** The reset positions that the client reported. Java's consumer reports none. */
  readonly resets: readonly string[]
  /** Why it stopped reading. */
  readonly failure: string | undefined
  /** Whether it waits in the handler of the held record. */
  readonly holding: boolean
  /** Partitions as `topic-number`. */
  readonly assigned: readonly string[]
  /** Fetch requests that it sent. */
  readonly fetches: number
  /** Waits in the handler of the record with this value until `release`. */
  hold(value: string): Promise<void>
  release(): void
  close(): Promise<void>
}
