import { type Api, Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from '@ottla/codec'
import { expect } from 'vitest'
import type { Cluster } from '../../src/cluster/cluster.ts'
import { GroupMember, type MemberOptions } from './group-member.ts'
import { onTestkit, type Scenario, type SeenRequest } from './on-testkit.ts'

const groupApis = [JoinGroup, SyncGroup, Heartbeat, LeaveGroup]

/** One group on the testkit, with the member under test and maybe others. */
export class Group {
  readonly scenario: Scenario
  readonly cluster: Cluster
  readonly #members: GroupMember[] = []
  #forgotten = 0

  constructor(scenario: Scenario) {
    this.scenario = scenario
    this.cluster = scenario.connect()
  }

  member(options: MemberOptions = {}): GroupMember {
    const member = new GroupMember(this.cluster, options)
    this.#members.push(member)
    return member
  }

  /** A member of another client. */
  other(options: MemberOptions = {}): GroupMember {
    const member = new GroupMember(this.scenario.connect('other'), options)
    this.#members.push(member)
    return member
  }

  /** Joined and stable, with an empty history. */
  async stable(options: MemberOptions = {}, prepare = (_: GroupMember): void => {}): Promise<GroupMember> {
    const member = this.member(options)
    prepare(member)
    member.membership.start()
    await this.untilStable(member)
    member.calls.length = 0
    this.forget()
    return member
  }

  async untilStable({ membership }: GroupMember): Promise<void> {
    for (let tries = 0; membership.state !== 'stable' && tries < 300; tries++) await this.scenario.advance(100)
    expect(membership.state).toBe('stable')
  }

  /** Requests up to now do not count. */
  forget(): void {
    this.#forgotten = this.scenario.cluster.saw({}).at(-1)?.sequence ?? -1
  }

  requests<A extends Api>(api: A): SeenRequest<A>[] {
    return this.scenario.seen(api).filter(({ sequence }) => sequence > this.#forgotten)
  }

  /** The group's requests of the member under test, in their order. */
  apis(): string {
    const seen = groupApis.flatMap((api) => this.requests(api).map(({ sequence }) => ({ sequence, name: api.name })))
    return seen
      .sort((a, b) => a.sequence - b.sequence)
      .map(({ name }) => name)
      .join(' ')
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()))
  }
}

/** Plays a group in virtual time. Its members leave at the end: neither timers nor connections may be left. */
export function withGroup(
  play: (group: Group, scenario: Scenario) => Promise<void>,
  topics: Record<string, number> = { t: 3, u: 1 },
): Promise<void> {
  return onTestkit({ topics }, async (scenario) => {
    const group = new Group(scenario)
    await play(group, scenario)
    await group.close()
  })
}
