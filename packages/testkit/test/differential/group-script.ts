import {
  CreateTopics,
  DeleteGroups,
  DescribeGroups,
  FindCoordinator,
  Heartbeat,
  JoinGroup,
  LeaveGroup,
  ListGroups,
  Metadata,
  OffsetCommit,
  OffsetDelete,
  OffsetFetch,
  SyncGroup,
} from '@ottla/codec'
import { Wire } from '../support/wire.ts'
import { type Line, Recorder } from './recorder.ts'

const TOPIC = 'differential'
const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

/** A consumer's subscription of version 0. */
const subscribed = (topic: string): Uint8Array =>
  Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 1, 0, topic.length]), Buffer.from(topic), Buffer.from([0, 0, 0, 0])])

/** Requests about groups in all versions, on the testkit or Kafka; values that always differ are replaced. */
export class GroupScript {
  readonly #recorder = new Recorder()
  readonly #bootstrap: string
  readonly #run: string
  readonly #wires: Wire[] = []
  readonly #groups = new Map<string, string>()
  #coordinator = ''
  #topicId = ''

  constructor(bootstrap: string, run: string) {
    this.#bootstrap = bootstrap
    this.#run = run
  }

  async play(): Promise<readonly Line[]> {
    try {
      const wire = await this.#open(this.#bootstrap)
      await this.#prepare(wire)
      await this.#findCoordinators(wire)
      await this.#simpleOffsets()
      await this.#dynamicMembers()
      await this.#staticMembers()
      await this.#oldVersions()
      await this.#mistakes()
      return this.#recorder.lines
    } finally {
      for (const wire of this.#wires) wire.close()
    }
  }

  async #open(address = this.#coordinator): Promise<Wire> {
    const wire = await Wire.open(address)
    this.#wires.push(wire)
    return wire
  }

  #group(name: string): string {
    return this.#groups.get(name) ?? ''
  }

  /** Names of groups with the same coordinator, so that one connection can be used for all of them. */
  async #nameGroups(wire: Wire): Promise<void> {
    for (const name of ['a', 'b', 'c', 'none', 'no', 'old-0', 'old-1', 'old-2', 'old-3']) {
      const tried = Array.from({ length: 50 }, (_, i) => `${this.#run}-${name}-${i}`)
      const found = await wire.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: tried })
      const isOurs = ({ host, port }: { host: string; port: number }) => `${host}:${port}` === this.#coordinator
      const group = found.coordinators.find(isOurs)?.key ?? ''
      this.#groups.set(name, group)
      this.#recorder.rename(group, `run-${name}`)
    }
  }

  #call(value: string, name: string): string {
    return this.#recorder.call(value, name)
  }

  #note(step: string, response: unknown): void {
    this.#recorder.note(step, response)
  }

  async #prepare(wire: Wire): Promise<void> {
    const topics = [{ name: TOPIC, numPartitions: 2, replicationFactor: -1, assignments: [], configs: [] }]
    await wire.request(CreateTopics, 7, { topics, timeoutMs: 10_000 })
    const deadline = Date.now() + 10_000
    for (;;) {
      const metadata = await wire.request(Metadata, 12, {
        topics: [{ topicId: NO_ID, name: TOPIC }],
        allowAutoTopicCreation: false,
        includeTopicAuthorizedOperations: false,
      })
      const found = await wire.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: [this.#run] })
      const coordinator = found.coordinators[0]
      const topic = metadata.topics[0]
      if (topic?.errorCode === 0 && coordinator?.errorCode === 0) {
        this.#topicId = this.#call(topic.topicId, 'topic id')
        this.#coordinator = `${coordinator.host}:${coordinator.port}`
        break
      }
      if (Date.now() > deadline) throw new Error('No coordinator is available')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await this.#nameGroups(wire)
    // A coordinator may still be loading.
    for (;;) {
      const { errorCode } = await wire.request(ListGroups, 5, { statesFilter: [], typesFilter: [] })
      if (errorCode === 0) break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  async #findCoordinators(wire: Wire): Promise<void> {
    for (const version of [0, 1, 2, 3]) {
      const { host, port, nodeId, ...rest } = await wire.request(FindCoordinator, version, {
        key: this.#group('a'),
        keyType: 0,
      })
      this.#note(`FindCoordinator v${version}`, { ...rest, found: host !== '' && port > 0 && nodeId >= 0 })
    }
    for (const version of [4, 5, 6]) {
      const { coordinators, ...rest } = await wire.request(FindCoordinator, version, {
        keyType: 0,
        coordinatorKeys: [this.#group('a'), ''],
      })
      const found = coordinators.map(({ host, port, nodeId, ...each }) => ({ ...each, found: port > 0 && nodeId >= 0 }))
      this.#note(`FindCoordinator v${version}`, { ...rest, found })
    }
  }

  #committed(offset: bigint, version: number, partition = 0, name = TOPIC, topicId = this.#topicId) {
    const one = { partitionIndex: partition, committedOffset: offset, committedMetadata: 'meta' }
    const partitions = [version >= 6 ? { ...one, committedLeaderEpoch: 0 } : one]
    return [version >= 10 ? { topicId, partitions } : { name, partitions }]
  }

  async #simpleOffsets(): Promise<void> {
    const wire = await this.#open()
    const groupId = this.#group('a')
    for (const version of [2, 3, 4, 5, 6, 7, 8, 9, 10]) {
      const topics = this.#committed(BigInt(version), version)
      this.#note(
        `OffsetCommit v${version}`,
        await wire.request(OffsetCommit, version, { groupId, memberId: '', topics }),
      )
    }
    const unknown = [...this.#committed(1n, 9, 9), ...this.#committed(1n, 9, 0, 'no-such-topic')]
    this.#note('OffsetCommit, unknown', await wire.request(OffsetCommit, 9, { groupId, memberId: '', topics: unknown }))
    const ids = [...this.#committed(1n, 10, 9), ...this.#committed(1n, 10, 0, '', 'BBBBBBBBBBBBBBBBBBBBBA')]
    this.#note('OffsetCommit, unknown id', await wire.request(OffsetCommit, 10, { groupId, memberId: '', topics: ids }))
    const wanted = [
      { name: TOPIC, partitionIndexes: [0, 1, 9] },
      { name: 'no-such-topic', partitionIndexes: [0] },
    ]
    for (const version of [1, 2, 3, 4, 5, 6, 7]) {
      this.#note(`OffsetFetch v${version}`, await wire.request(OffsetFetch, version, { groupId, topics: wanted }))
      if (version > 1) {
        this.#note(`OffsetFetch v${version}, all`, await wire.request(OffsetFetch, version, { groupId, topics: null }))
      }
    }
    for (const version of [8, 9]) {
      const groups = [
        { groupId, topics: wanted },
        { groupId, topics: null },
        { groupId: this.#group('none'), topics: wanted },
        { groupId: this.#group('none'), topics: null },
      ]
      for (const requireStable of [false, true]) {
        const step = `OffsetFetch v${version}, stable ${requireStable}`
        this.#note(step, await wire.request(OffsetFetch, version, { groups, requireStable }))
      }
    }
    const byId = [
      { topicId: this.#topicId, partitionIndexes: [0, 1, 9] },
      { topicId: 'BBBBBBBBBBBBBBBBBBBBBA', partitionIndexes: [0] },
    ]
    const groups = [
      { groupId, topics: byId },
      { groupId, topics: null },
    ]
    this.#note('OffsetFetch v10', await wire.request(OffsetFetch, 10, { groups }))
    const topics = [
      { name: TOPIC, partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }, { partitionIndex: 9 }] },
      { name: 'no-such-topic', partitions: [{ partitionIndex: 0 }] },
    ]
    this.#note('OffsetDelete', await wire.request(OffsetDelete, 0, { groupId, topics }))
    this.#note('OffsetDelete, no group', await wire.request(OffsetDelete, 0, { groupId: this.#group('none'), topics }))
    this.#note('OffsetFetch after', await wire.request(OffsetFetch, 7, { groupId, topics: wanted }))
  }

  #joining(
    groupId: string,
    memberId: string,
    groupInstanceId: string | null = null,
    protocols = ['range', 'roundrobin'],
  ) {
    return {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId,
      ...(groupInstanceId !== null && { groupInstanceId }),
      protocolType: 'consumer',
      protocols: protocols.map((name) => ({ name, metadata: subscribed(TOPIC) })),
    }
  }

  async #describe(wire: Wire, group: string): Promise<void> {
    const groups = [this.#group(group), this.#group('none')]
    for (const version of [0, 3, 5, 6]) {
      const body = { groups, ...(version >= 3 && { includeAuthorizedOperations: true }) }
      this.#note(`DescribeGroups v${version} ${group}`, await wire.request(DescribeGroups, version, body))
    }
    for (const version of [0, 3, 4, 5]) {
      const { groups: listed, ...rest } = await wire.request(ListGroups, version, {
        ...(version >= 4 && { statesFilter: [] }),
        ...(version >= 5 && { typesFilter: [] }),
      })
      const own = listed.filter(({ groupId }) => groupId === groups[0])
      this.#note(`ListGroups v${version} ${group}`, { ...rest, own })
    }
    for (const [statesFilter, typesFilter] of [
      [['stable'], ['classic']],
      [['Empty', ' STABLE '], []],
      [['nonsense'], []],
      [[], ['Consumer']],
      [[], ['consumer', 'CLASSIC']],
    ] as const) {
      const { groups: listed, ...rest } = await wire.request(ListGroups, 5, { statesFilter, typesFilter })
      const own = listed.filter(({ groupId }) => groupId === groups[0]).map(({ groupState }) => groupState)
      this.#note(`ListGroups ${group} ${statesFilter} ${typesFilter}`, { ...rest, own })
    }
  }

  async #dynamicMembers(): Promise<void> {
    const [a, b] = [await this.#open(), await this.#open()]
    const groupId = this.#group('b')
    const asked = await a.request(JoinGroup, 9, this.#joining(groupId, ''))
    const first = this.#call(asked.memberId, 'first')
    this.#note('JoinGroup, no id', asked)
    const joined = await a.request(JoinGroup, 9, this.#joining(groupId, first))
    this.#note('JoinGroup, first', joined)
    const heartbeat = (wire: Wire, memberId: string, generationId: number) =>
      wire.request(Heartbeat, 4, { groupId, generationId, memberId })
    this.#note('Heartbeat before sync', await heartbeat(a, first, 1))
    this.#note('OffsetCommit before sync', await this.#commitAs(a, groupId, first, 1))
    const sync = (wire: Wire, memberId: string, generationId: number, all: string[], protocolName = 'range') =>
      wire.request(SyncGroup, 5, {
        groupId,
        generationId,
        memberId,
        protocolType: 'consumer',
        protocolName,
        assignments: all.map((id) => ({ memberId: id, assignment: Buffer.from(`for ${this.#recorder.nameOf(id)}`) })),
      })
    this.#note('SyncGroup, wrong protocol', await sync(a, first, 1, [first], 'roundrobin'))
    this.#note('SyncGroup, first', await sync(a, first, 1, [first]))
    this.#note('Heartbeat', await heartbeat(a, first, 1))
    this.#note('Heartbeat, old generation', await heartbeat(a, first, 0))
    this.#note('Heartbeat, unknown', await heartbeat(a, 'stranger', 1))
    this.#note('OffsetCommit', await this.#commitAs(a, groupId, first, 1))
    this.#note('OffsetCommit, old generation', await this.#commitAs(a, groupId, first, 0))
    this.#note('OffsetCommit, unknown member', await this.#commitAs(a, groupId, 'stranger', 1))
    this.#note('OffsetCommit, simple', await this.#commitAs(a, groupId, '', -1))
    await this.#describe(a, 'b')
    this.#note(
      'DeleteGroups, in use',
      await a.request(DeleteGroups, 2, { groupsNames: [groupId, this.#group('none')] }),
    )
    const topics = [{ name: TOPIC, partitions: [{ partitionIndex: 0 }] }]
    this.#note('OffsetDelete, subscribed', await a.request(OffsetDelete, 0, { groupId, topics }))
    const second = this.#call((await b.request(JoinGroup, 9, this.#joining(groupId, ''))).memberId, 'second')
    const secondJoin = b.request(JoinGroup, 9, this.#joining(groupId, second))
    await this.#until(async () => (await heartbeat(a, first, 1)).errorCode !== 0)
    this.#note('Heartbeat in rebalance', await heartbeat(a, first, 1))
    this.#note('SyncGroup in rebalance', await sync(a, first, 1, []))
    await this.#describe(a, 'b')
    const again = await a.request(JoinGroup, 9, this.#joining(groupId, first))
    this.#note('JoinGroup, first again', { ...again, members: again.members.length })
    this.#note('JoinGroup, second', await secondJoin)
    const held = sync(b, second, 2, [])
    this.#note('SyncGroup, leader', await sync(a, first, 2, [first]))
    this.#note('SyncGroup, follower', await held)
    this.#note('JoinGroup, follower repeats', await b.request(JoinGroup, 9, this.#joining(groupId, second)))
    const left = [
      { memberId: second, reason: 'done' },
      { memberId: 'stranger', reason: null },
    ]
    this.#note('LeaveGroup v5', await b.request(LeaveGroup, 5, { groupId, members: left }))
    this.#note('LeaveGroup v2', await a.request(LeaveGroup, 2, { groupId, memberId: first }))
    this.#note('LeaveGroup v2 again', await a.request(LeaveGroup, 2, { groupId, memberId: first }))
    this.#note(
      'LeaveGroup v2, no group',
      await a.request(LeaveGroup, 2, { groupId: this.#group('none'), memberId: 'x' }),
    )
    await this.#describe(a, 'b')
    this.#note('JoinGroup, empty group, old id', await a.request(JoinGroup, 9, this.#joining(groupId, first)))
    this.#note('Heartbeat, empty group', await heartbeat(a, first, 3))
    this.#note('SyncGroup, empty group', await sync(a, first, 3, []))
    this.#note('OffsetCommit, empty group', await this.#commitAs(a, groupId, first, 3))
    this.#note('OffsetDelete, empty group', await a.request(OffsetDelete, 0, { groupId, topics }))
    this.#note('DeleteGroups', await a.request(DeleteGroups, 2, { groupsNames: [groupId] }))
    await this.#describe(a, 'b')
  }

  #commitAs(wire: Wire, groupId: string, memberId: string, generationIdOrMemberEpoch: number, version = 9) {
    const topics = this.#committed(1n, version)
    return wire.request(OffsetCommit, version, { groupId, memberId, generationIdOrMemberEpoch, topics })
  }

  async #until(condition: () => Promise<boolean>): Promise<void> {
    for (let i = 0; i < 500; i++) {
      if (await condition()) return
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error('Timed out')
  }

  async #staticMembers(): Promise<void> {
    const wire = await this.#open()
    const groupId = this.#group('c')
    const joined = await wire.request(JoinGroup, 9, this.#joining(groupId, '', 'one'))
    const id = this.#call(joined.memberId, 'static')
    this.#note('JoinGroup, static', joined)
    const assignments = [{ memberId: id, assignment: Buffer.from('mine') }]
    const sync = { groupId, generationId: 1, protocolType: 'consumer', protocolName: 'range', groupInstanceId: 'one' }
    this.#note('SyncGroup, static', await wire.request(SyncGroup, 5, { ...sync, memberId: id, assignments }))
    for (const version of [5, 7, 8, 9]) {
      const back = await wire.request(JoinGroup, version, this.#joining(groupId, '', 'one'))
      const newId = this.#call(back.memberId, `static v${version}`)
      this.#note(`JoinGroup v${version}, static again`, back)
      const held = { ...sync, memberId: newId, assignments: [] }
      this.#note('SyncGroup, static again', await wire.request(SyncGroup, 5, held))
    }
    const fenced = { groupId, generationId: 1, memberId: id, groupInstanceId: 'one' }
    this.#note('Heartbeat, fenced', await wire.request(Heartbeat, 4, fenced))
    this.#note('Heartbeat, unknown instance', await wire.request(Heartbeat, 4, { ...fenced, groupInstanceId: 'two' }))
    this.#note('JoinGroup, fenced', await wire.request(JoinGroup, 9, this.#joining(groupId, id, 'one')))
    this.#note('SyncGroup, fenced', await wire.request(SyncGroup, 5, { ...sync, memberId: id, assignments: [] }))
    const topics = this.#committed(1n, 9)
    const commit = { groupId, generationIdOrMemberEpoch: 1, memberId: id, groupInstanceId: 'one', topics }
    this.#note('OffsetCommit, fenced', await wire.request(OffsetCommit, 9, commit))
    const leaving = { memberId: id, groupInstanceId: 'one' }
    this.#note('LeaveGroup, fenced', await wire.request(LeaveGroup, 5, { groupId, members: [leaving] }))
    await this.#describe(wire, 'c')
    const byName = [
      { memberId: '', groupInstanceId: 'one' },
      { memberId: '', groupInstanceId: 'two' },
      { memberId: '' },
    ]
    this.#note('LeaveGroup, by instance', await wire.request(LeaveGroup, 5, { groupId, members: byName }))
    await this.#describe(wire, 'c')
  }

  async #oldVersions(): Promise<void> {
    const wire = await this.#open()
    for (const version of [0, 1, 2, 3]) {
      const groupId = this.#group(`old-${version}`)
      const { rebalanceTimeoutMs, ...rest } = this.#joining(groupId, '')
      const joined = await wire.request(JoinGroup, version, version === 0 ? rest : { ...rest, rebalanceTimeoutMs })
      const id = this.#call(joined.memberId, `old ${version}`)
      this.#note(`JoinGroup v${version}`, joined)
      const assignments = [{ memberId: id, assignment: Buffer.from('mine') }]
      const sync = { groupId, generationId: 1, memberId: id, assignments }
      this.#note(`SyncGroup v${version}`, await wire.request(SyncGroup, version, sync))
      this.#note(
        `Heartbeat v${version}`,
        await wire.request(Heartbeat, version, { groupId, generationId: 1, memberId: id }),
      )
      this.#note(
        `LeaveGroup v${Math.min(version, 2)}`,
        await wire.request(LeaveGroup, Math.min(version, 2), { groupId, memberId: id }),
      )
      const version42 = Math.min(version, 2)
      this.#note(`DeleteGroups v${version42}`, await wire.request(DeleteGroups, version42, { groupsNames: [groupId] }))
    }
  }

  async #mistakes(): Promise<void> {
    const wire = await this.#open()
    const none = this.#group('none')
    for (const version of [4, 6, 9]) {
      this.#note(
        `JoinGroup v${version}, made up`,
        await wire.request(JoinGroup, version, this.#joining(none, 'made-up')),
      )
      const short = { ...this.#joining(none, ''), sessionTimeoutMs: 1 }
      this.#note(`JoinGroup v${version}, short`, await wire.request(JoinGroup, version, short))
      const empty = { ...this.#joining(none, ''), protocols: [] }
      this.#note(`JoinGroup v${version}, nothing`, await wire.request(JoinGroup, version, empty))
    }
    this.#note(
      'Heartbeat, none',
      await wire.request(Heartbeat, 4, { groupId: this.#group('no'), generationId: 1, memberId: 'x' }),
    )
    this.#note(
      'LeaveGroup, none',
      await wire.request(LeaveGroup, 5, { groupId: this.#group('no'), members: [{ memberId: 'x' }] }),
    )
    this.#note(
      'SyncGroup v5, vague',
      await wire.request(SyncGroup, 5, { groupId: none, generationId: 1, memberId: 'x', assignments: [] }),
    )
    this.#note(
      'SyncGroup v4, none',
      await wire.request(SyncGroup, 4, { groupId: this.#group('no'), generationId: 1, memberId: 'x', assignments: [] }),
    )
    for (const version of [8, 9]) {
      this.#note(`OffsetCommit v${version}, none`, await this.#commitAs(wire, this.#group('no'), 'x', 1, version))
    }
    // The group with an empty name: its coordinator may be another broker.
    const found = await wire.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: [''] })
    const unnamed = await this.#open(`${found.coordinators[0]?.host}:${found.coordinators[0]?.port}`)
    this.#note('JoinGroup, no name', await unnamed.request(JoinGroup, 9, this.#joining('', '')))
    this.#note(
      'Heartbeat, no name',
      await unnamed.request(Heartbeat, 4, { groupId: '', generationId: 1, memberId: 'x' }),
    )
    this.#note(
      'LeaveGroup, no name',
      await unnamed.request(LeaveGroup, 5, { groupId: '', members: [{ memberId: 'x' }] }),
    )
    this.#note('OffsetDelete, no name', await unnamed.request(OffsetDelete, 0, { groupId: '', topics: [] }))
    this.#note(
      'DescribeGroups, no name',
      await unnamed.request(DescribeGroups, 6, { groups: [''], includeAuthorizedOperations: false }),
    )
  }
}
