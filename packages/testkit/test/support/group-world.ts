import { GroupBed, subscription, text } from './group-bed.ts'

type Responded = ReturnType<GroupBed['join']>
type Synced = ReturnType<GroupBed['sync']>

/** A member's state: it sends a request, waits for the response, and heartbeats while stable. */
interface MemberState {
  readonly name: string
  readonly instanceId: string | null
  memberId: string
  generation: number
  isAlive: boolean
  /** Alive, but it does nothing at the moment. */
  isStalled: boolean
  /** Its subscribed topics; after a change it joins again. */
  topics: string[]
  joining: Responded | undefined
  syncing: Synced | undefined
  /** Its assignment in its generation; undefined without one. */
  owned: string | undefined
  lastBeatMs: number
}

/** The leader's assignment to a member in a generation; a static member keeps it under another member id. */
function due({ memberId, instanceId }: Pick<MemberState, 'memberId' | 'instanceId'>, generation: number): string {
  return `${instanceId ?? memberId}@${generation}`
}

const sessionTimeoutMs = 10_000
const rebalanceTimeoutMs = 20_000

/** A group whose members follow the protocol, stall, die and restart, on a log that is sometimes slow. */
export class GroupWorld {
  readonly bed = new GroupBed({ initialRebalanceDelayMs: 100 })
  readonly members: MemberState[] = []
  /** The leader and the protocol of each generation, as returned to the members. */
  readonly #generations = new Map<number, string>()
  #highest = 0
  #names = 0

  add(isStatic: boolean): void {
    const name = `m${this.#names++}`
    this.members.push({
      name,
      instanceId: isStatic ? name : null,
      memberId: '',
      generation: -1,
      isAlive: true,
      isStalled: false,
      topics: ['t'],
      joining: undefined,
      syncing: undefined,
      owned: undefined,
      lastBeatMs: 0,
    })
  }

  /** The process died: it reads no pending response and sends nothing more. */
  kill(member: MemberState): void {
    member.isAlive = false
    this.#forget(member)
  }

  /** The process restarts: a static member with its instance id, a dynamic one as a new member. */
  revive(member: MemberState): void {
    member.isAlive = true
    member.memberId = ''
  }

  leave(member: MemberState): void {
    if (member.memberId !== '' && !member.joining && !member.syncing) this.bed.leave(member.memberId, member.instanceId)
    this.kill(member)
  }

  /** Each live member takes its next step, then time passes. */
  step(ms: number): void {
    for (const member of this.members) if (member.isAlive && !member.isStalled) this.#act(member)
    this.bed.clock.advance(ms)
  }

  /** All live members are in the same generation, with the leader's assignment for exactly these members. */
  isConverged(): boolean {
    const alive = this.members.filter(({ isAlive }) => isAlive)
    if (alive.length === 0) return this.bed.shard.classicGroups.get('g')?.state !== 'Stable'
    const group = this.bed.group()
    return (
      group.state === 'Stable' &&
      group.members.size === alive.length &&
      alive.every((each) => each.generation === group.generationId && each.owned === due(each, each.generation))
    )
  }

  #act(member: MemberState): void {
    if (member.joining) this.#joined(member, member.joining)
    else if (member.syncing) this.#synced(member, member.syncing)
    else if (member.owned === undefined) this.#join(member)
    else this.#beat(member)
  }

  #join(member: MemberState): void {
    const protocols = [{ name: 'range', metadata: subscription(...member.topics) }]
    const timeouts = { sessionTimeoutMs, rebalanceTimeoutMs }
    member.joining = this.bed.join(member.memberId, { groupInstanceId: member.instanceId, protocols, ...timeouts })
  }

  #joined(member: MemberState, { value }: Responded): void {
    if (!value) return
    member.joining = undefined
    if (value.error === 'MEMBER_ID_REQUIRED') {
      member.memberId = value.memberId
    } else if (value.error === 'NONE') {
      this.#sawGeneration(value.generationId ?? -1, `${value.protocolName}`)
      member.memberId = value.memberId
      member.generation = value.generationId ?? -1
      const isAssigning = value.leader === value.memberId && !value.skipAssignment
      const assignments = Object.fromEntries(
        (isAssigning ? value.members : []).map(({ memberId, groupInstanceId }) => [
          memberId,
          due({ memberId, instanceId: groupInstanceId ?? null }, member.generation),
        ]),
      )
      member.syncing = this.bed.sync(member.memberId, member.generation, assignments)
    } else this.#refused(member, value.error)
  }

  #synced(member: MemberState, { value }: Synced): void {
    if (!value) return
    member.syncing = undefined
    if (value.error === 'NONE') {
      member.owned = text(value.assignment)
      member.lastBeatMs = this.bed.clock.nowMs
    } else this.#refused(member, value.error)
  }

  #beat(member: MemberState): void {
    if (this.bed.clock.nowMs - member.lastBeatMs < 3_000) return
    member.lastBeatMs = this.bed.clock.nowMs
    const error = this.bed.heartbeat(member.memberId, member.generation, member.instanceId)
    if (error) this.#refused(member, error)
  }

  #refused(member: MemberState, error: string): void {
    member.owned = undefined
    if (error === 'REBALANCE_IN_PROGRESS' || error === 'COORDINATOR_NOT_AVAILABLE') return
    // Another member has its instance id now; a real client would stop.
    if (error === 'FENCED_INSTANCE_ID') member.isAlive = false
    member.memberId = ''
    member.generation = -1
  }

  #forget(member: MemberState): void {
    member.joining = undefined
    member.syncing = undefined
    member.owned = undefined
    member.generation = -1
  }

  /** Generations only increase, and all members of one get the same leader and protocol. */
  #sawGeneration(generation: number, what: string): void {
    const known = this.#generations.get(generation)
    if (known !== undefined && known !== what) throw new Error(`Generation ${generation} was ${known} and is ${what}`)
    this.#generations.set(generation, what)
    const current = this.bed.group().generationId
    if (current < this.#highest) throw new Error(`Generation ${current} came after ${this.#highest}`)
    this.#highest = current
  }
}
