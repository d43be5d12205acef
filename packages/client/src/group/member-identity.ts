import type { Runtime } from '@ottla/runtime'
import type { GroupIdentity } from './membership.ts'

const memberIdBytes = 16

/** The id of a member that chooses it itself, unique for each start (KIP-1082). */
export function newMemberId(runtime: Pick<Runtime, 'secureRandom'>): string {
  return Buffer.from(runtime.secureRandom(memberIdBytes)).toString('base64url')
}

/** Who the coordinator has this member as. Requests read it when they are written: it changes during a join and with a loss. */
export class MemberIdentity {
  readonly #groupId: string
  readonly #instanceId: string | null
  #memberId = ''
  #generation = -1

  constructor(groupId: string, instanceId: string | null) {
    this.#groupId = groupId
    this.#instanceId = instanceId
  }

  get memberId(): string {
    return this.#memberId
  }

  get generation(): number {
    return this.#generation
  }

  /** A value of this moment. */
  get current(): GroupIdentity {
    const [groupId, instanceId] = [this.#groupId, this.#instanceId]
    return { groupId, instanceId, memberId: this.#memberId, generation: this.#generation }
  }

  /** The coordinator assigned this id; the member still has to join with it. */
  assign(memberId: string): void {
    this.#memberId = memberId
  }

  joined(memberId: string, generation: number): void {
    this.#memberId = memberId
    this.#generation = generation
  }

  forget(what: 'generation' | 'member'): void {
    this.#generation = -1
    if (what === 'member') this.#memberId = ''
  }
}
