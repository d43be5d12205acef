/** Partitions by topic id. */
export type Assignment = ReadonlyMap<string, ReadonlySet<number>>

export const noPartitions: Assignment = new Map()

export interface ShareMember {
  readonly memberId: string
  readonly memberEpoch: number
  readonly previousMemberEpoch: number
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly topics: ReadonlySet<string>
  readonly assigned: Assignment
}

/** A topic whose share partitions are initializing or initialized at their coordinators. */
export interface StateTopic {
  readonly name: string
  readonly partitions: ReadonlySet<number>
  readonly timestampMs: number
}

/** Which share partitions of a group have state at their coordinators. */
export interface StateTopics {
  readonly initializing: ReadonlyMap<string, StateTopic>
  readonly initialized: ReadonlyMap<string, StateTopic>
  /** Topic id → name. */
  readonly deleting: ReadonlyMap<string, string>
}

export const noStateTopics: StateTopics = { initializing: new Map(), initialized: new Map(), deleting: new Map() }

/** A share group (KIP-932), built from its records. */
export class ShareGroup {
  readonly groupId: string
  readonly members = new Map<string, ShareMember>()
  readonly targets = new Map<string, Assignment>()
  /** As in Kafka, the first member raises it to 2. */
  groupEpoch = 1
  metadataHash = 0n
  assignmentEpoch = 0
  assignmentMs = 0

  constructor(groupId: string) {
    this.groupId = groupId
  }

  get state(): 'Empty' | 'Stable' {
    return this.members.size === 0 ? 'Empty' : 'Stable'
  }

  /** All topics the members subscribe to, with one member replaced or added. */
  topicsWith(changed?: ShareMember): ReadonlySet<string> {
    return new Set(this.membersWith(changed).flatMap(({ topics }) => [...topics]))
  }

  /** The members, with one replaced or added. */
  membersWith(changed?: ShareMember): ShareMember[] {
    return [...(changed === undefined ? this.members : new Map(this.members).set(changed.memberId, changed)).values()]
  }
}

/** The share groups of one partition of __consumer_offsets. */
export class ShareGroups {
  readonly groups = new Map<string, ShareGroup>()
  readonly stateTopics = new Map<string, StateTopics>()
  /** This broker no longer leads the partition: operations in progress must stop. */
  isUnloaded = false

  /** Set when a member joins or offsets are altered; undefined for an unknown group. */
  stateTopicsOf(groupId: string): StateTopics | undefined {
    return this.stateTopics.get(groupId)
  }

  unload(): void {
    this.isUnloaded = true
    this.groups.clear()
    this.stateTopics.clear()
  }
}

/** The union of both; a topic in both has the name and time of `newer`. */
export function combined(
  older: ReadonlyMap<string, StateTopic>,
  newer: ReadonlyMap<string, StateTopic>,
): ReadonlyMap<string, StateTopic> {
  const all = new Map(older)
  for (const [topicId, topic] of newer) {
    const partitions = new Set([...(older.get(topicId)?.partitions ?? []), ...topic.partitions])
    all.set(topicId, { ...topic, partitions })
  }
  return all
}

/** The topics without these partitions; a topic without partitions is removed. */
export function without(
  topics: ReadonlyMap<string, StateTopic>,
  partitions: Assignment,
): ReadonlyMap<string, StateTopic> {
  const left = new Map<string, StateTopic>()
  for (const [topicId, topic] of topics) {
    const gone = partitions.get(topicId)
    const kept = new Set([...topic.partitions].filter((partition) => !gone?.has(partition)))
    if (kept.size > 0) left.set(topicId, { ...topic, partitions: kept })
  }
  return left
}

export function isSameAssignment(a: Assignment, b: Assignment): boolean {
  if (a.size !== b.size) return false
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId)
    if (others === undefined || others.size !== partitions.size) return false
    for (const partition of partitions) if (!others.has(partition)) return false
  }
  return true
}
