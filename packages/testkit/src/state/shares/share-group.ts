/** Partitions by the ids of their topics. */
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

/** A topic of which share partitions are made known to their coordinators, or are known there. */
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

/** A share group (KIP-932) as its records make it. */
export class ShareGroup {
  readonly groupId: string
  readonly members = new Map<string, ShareMember>()
  readonly targets = new Map<string, Assignment>()
  /** As in Kafka, the first member makes it 2. */
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

  /** What the members are subscribed to together, with one of them changed. */
  topicsWith(changed?: ShareMember): ReadonlySet<string> {
    return new Set(this.membersWith(changed).flatMap(({ topics }) => [...topics]))
  }

  /** The members with one of them changed, or new. */
  membersWith(changed?: ShareMember): ShareMember[] {
    return [...(changed === undefined ? this.members : new Map(this.members).set(changed.memberId, changed)).values()]
  }
}

/** The share groups of one partition of __consumer_offsets. */
export class ShareGroups {
  readonly groups = new Map<string, ShareGroup>()
  readonly stateTopics = new Map<string, StateTopics>()
  /** The partition is led elsewhere now: what was begun here must not go on. */
  isUnloaded = false

  /** Kept when a member joins or offsets are altered; undefined for a group that is unknown. */
  stateTopicsOf(groupId: string): StateTopics | undefined {
    return this.stateTopics.get(groupId)
  }

  unload(): void {
    this.isUnloaded = true
    this.groups.clear()
    this.stateTopics.clear()
  }
}

/** Both together; where both have a topic, `newer` names and dates it. */
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

/** Without these partitions; a topic without any is gone. */
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
