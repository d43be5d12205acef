import { describe, expect, test } from 'vitest'
import { bytes, GroupBed, subscription, text } from '../../../test/support/group-bed.ts'

describe('JoinGroup', () => {
  test('assigns an id to a new dynamic member and waits for it to rejoin', () => {
    const bed = new GroupBed()
    const first = bed.join('')
    expect(first.value).toMatchObject({
      error: 'MEMBER_ID_REQUIRED',
      memberId: expect.stringMatching(/^app-[0-9a-f-]{36}$/),
    })
    expect(bed.group().state).toBe('Empty')
    const joined = bed.join(first.value?.memberId ?? '')
    expect(joined.value).toBeUndefined()
    bed.clock.advance(0)
    expect(joined.value).toMatchObject({
      error: 'NONE',
      generationId: 1,
      protocolName: 'range',
      protocolType: 'consumer',
    })
    expect(joined.value?.leader).toBe(joined.value?.memberId)
    expect(joined.value?.members).toHaveLength(1)
  })

  test('lets a member join without an id before version 4', () => {
    const bed = new GroupBed()
    const joined = bed.join('', {}, 3)
    bed.clock.advance(0)
    expect(joined.value).toMatchObject({ error: 'NONE', generationId: 1 })
  })

  test('extends the initial delay with each new member, up to the rebalance timeout', () => {
    const bed = new GroupBed({ initialRebalanceDelayMs: 3_000 })
    const options = { rebalanceTimeoutMs: 7_000 }
    const ids = [bed.newMemberId(options), bed.newMemberId(options), bed.newMemberId(options)]
    const a = bed.join(ids[0] ?? '', options)
    bed.clock.advance(2_000)
    const b = bed.join(ids[1] ?? '', options)
    bed.clock.advance(1_000)
    expect(a.value).toBeUndefined()
    bed.clock.advance(2_000)
    const c = bed.join(ids[2] ?? '', options)
    bed.clock.advance(1_000)
    expect(a.value).toBeUndefined()
    bed.clock.advance(1_000)
    for (const each of [a, b, c]) expect(each.value).toMatchObject({ error: 'NONE', generationId: 1 })
  })

  test('rejects an empty group id, an invalid session timeout, an unknown member id and a foreign protocol', () => {
    const bed = new GroupBed({ minSessionTimeoutMs: 6_000, maxSessionTimeoutMs: 30_000 })
    expect(bed.join('', { groupId: '' }).value?.error).toBe('INVALID_GROUP_ID')
    expect(bed.join('', { sessionTimeoutMs: 5_999 }).value?.error).toBe('INVALID_SESSION_TIMEOUT')
    expect(bed.join('', { sessionTimeoutMs: 30_001 }).value?.error).toBe('INVALID_SESSION_TIMEOUT')
    expect(bed.join('made-up').value?.error).toBe('UNKNOWN_MEMBER_ID')
    expect(bed.join('', { protocols: [] }).value?.error).toBe('INCONSISTENT_GROUP_PROTOCOL')
    const { ids } = bed.stable(1)
    expect(bed.join('also-made-up').value?.error).toBe('UNKNOWN_MEMBER_ID')
    expect(bed.join('', { protocolType: 'connect' }).value?.error).toBe('INCONSISTENT_GROUP_PROTOCOL')
    const other = [{ name: 'roundrobin', metadata: subscription('t') }]
    expect(bed.join(ids[0] ?? '', { protocols: other }).value?.error).toBe('INCONSISTENT_GROUP_PROTOCOL')
  })

  test('selects the protocol that all members support and most prefer', () => {
    const bed = new GroupBed()
    const protocols = (...names: string[]) => ({ protocols: names.map((name) => ({ name, metadata: bytes(name) })) })
    const supported = [protocols('a', 'b', 'c'), protocols('c', 'b'), protocols('b', 'c', 'a')]
    const ids = supported.map((each) => bed.newMemberId(each))
    const joins = ids.map((id, i) => bed.join(id, supported[i]))
    bed.clock.advance(0)
    expect(joins.map((join) => join.value?.protocolName)).toEqual(['b', 'b', 'b'])
    expect(joins[0]?.value?.members.map((member) => text(member.metadata))).toEqual(['b', 'b', 'b'])
    expect(joins[1]?.value?.members).toEqual([])
  })

  test('rejects new members of a full group, but not its own when they rejoin', () => {
    const bed = new GroupBed({ maxSize: 2 })
    const { ids } = bed.stable(2)
    expect(bed.join('', {}, 3).value?.error).toBe('GROUP_MAX_SIZE_REACHED')
    const rejoined = bed.join(ids[0] ?? '')
    bed.join(ids[1] ?? '')
    expect(rejoined.value).toMatchObject({ error: 'NONE', generationId: 2 })
  })

  test('returns the current generation when a follower of a stable group rejoins, and starts a new one for its leader', () => {
    const bed = new GroupBed()
    const { ids, generation } = bed.stable(2)
    expect(bed.join(ids[1] ?? '').value).toMatchObject({ error: 'NONE', generationId: generation, members: [] })
    expect(bed.group().state).toBe('Stable')
    expect(bed.join(ids[0] ?? '').value).toBeUndefined()
    expect(bed.group().state).toBe('PreparingRebalance')
  })

  test('responds to a repeated join before the assignment, and rebalances when the metadata has changed', () => {
    const bed = new GroupBed()
    const ids = [bed.newMemberId(), bed.newMemberId()]
    for (const id of ids) bed.join(id)
    bed.clock.advance(0)
    expect(bed.join(ids[0] ?? '').value).toMatchObject({ generationId: 1, members: [{}, {}] })
    const held = bed.sync(ids[1] ?? '', 1)
    bed.join(ids[1] ?? '', { protocols: [{ name: 'range', metadata: subscription('t', 'u') }] })
    expect(held.value?.error).toBe('REBALANCE_IN_PROGRESS')
    expect(bed.group().state).toBe('PreparingRebalance')
  })

  test('rebalances a stable group for a new member, and removes members that do not rejoin in time', () => {
    const bed = new GroupBed()
    const { ids, generation } = bed.stable(2)
    const third = bed.join(bed.newMemberId())
    expect(bed.heartbeat(ids[0] ?? '', generation)).toBe('REBALANCE_IN_PROGRESS')
    const first = bed.join(ids[0] ?? '')
    for (let waited = 0; waited < 60_000; waited += 5_000) {
      expect(third.value).toBeUndefined()
      bed.heartbeat(ids[1] ?? '', generation)
      bed.clock.advance(5_000)
    }
    expect(first.value).toMatchObject({ error: 'NONE', generationId: generation + 1, members: [{}, {}] })
    expect(third.value).toMatchObject({ error: 'NONE', generationId: generation + 1 })
    expect(bed.heartbeat(ids[1] ?? '', generation)).toBe('UNKNOWN_MEMBER_ID')
  })

  test('elects another leader when the leader does not rejoin', () => {
    const bed = new GroupBed()
    const { ids, generation } = bed.stable(2)
    bed.leave(ids[0] ?? '')
    const rejoined = bed.join(ids[1] ?? '')
    expect(rejoined.value).toMatchObject({ leader: ids[1], generationId: generation + 1 })
  })

  test('fails the held join of a disconnected client after five minutes', () => {
    const bed = new GroupBed()
    const { ids, generation } = bed.stable(1)
    const options = { rebalanceTimeoutMs: 600_000 }
    const gone = bed.join('', options, 3)
    for (let minute = 0; minute < 5; minute++) {
      for (let i = 0; i < 12; i++) {
        bed.heartbeat(ids[0] ?? '', generation)
        bed.clock.advance(5_000)
      }
    }
    expect(gone.value?.error).toBe('UNKNOWN_MEMBER_ID')
  })
})

describe('SyncGroup', () => {
  test("is held until the leader's assignment is committed, which each member then receives", () => {
    const bed = new GroupBed()
    const ids = [bed.newMemberId(), bed.newMemberId()]
    for (const id of ids) bed.join(id)
    bed.clock.advance(0)
    const follower = bed.sync(ids[1] ?? '', 1)
    bed.log.isSlow = true
    const leader = bed.sync(ids[0] ?? '', 1, { [ids[0] ?? '']: 'left', [ids[1] ?? '']: 'right' })
    expect([leader.value, follower.value]).toEqual([undefined, undefined])
    expect(bed.group().state).toBe('CompletingRebalance')
    bed.log.commit()
    expect([leader, follower].map(({ value }) => text(value?.assignment))).toEqual(['left', 'right'])
    expect(bed.group().state).toBe('Stable')
    expect(text(bed.sync(ids[1] ?? '', 1).value?.assignment)).toBe('right')
  })

  test('rejects a wrong generation, an unknown member and a rebalancing group', () => {
    const bed = new GroupBed()
    expect(bed.sync('unknown', 1).value?.error).toBe('UNKNOWN_MEMBER_ID')
    const { ids, generation } = bed.stable(2)
    expect(bed.sync(ids[0] ?? '', generation - 1).value?.error).toBe('ILLEGAL_GENERATION')
    expect(bed.sync('unknown', generation).value?.error).toBe('UNKNOWN_MEMBER_ID')
    bed.join(ids[0] ?? '')
    expect(bed.sync(ids[1] ?? '', generation).value?.error).toBe('REBALANCE_IN_PROGRESS')
  })

  test('removes members that never sync, and rebalances the others', () => {
    const bed = new GroupBed()
    const ids = [bed.newMemberId(), bed.newMemberId()]
    for (const id of ids) bed.join(id)
    bed.clock.advance(0)
    const leader = bed.sync(ids[0] ?? '', 1, {})
    expect(leader.value?.error).toBe('NONE')
    for (let i = 0; i < 12; i++) {
      for (const id of ids) expect(bed.heartbeat(id, 1)).toBeUndefined()
      bed.clock.advance(5_000)
    }
    expect(bed.group().state).toBe('PreparingRebalance')
    expect(bed.heartbeat(ids[1] ?? '', 1)).toBe('UNKNOWN_MEMBER_ID')
  })

  test('drops an assignment that is committed after a new rebalance has started', () => {
    const bed = new GroupBed()
    const id = bed.newMemberId()
    bed.join(id)
    bed.clock.advance(0)
    bed.log.isSlow = true
    const first = bed.sync(id, 1, { [id]: 'old' })
    bed.join(id, { protocols: [{ name: 'range', metadata: subscription('u') }] })
    expect(first.value?.error).toBe('REBALANCE_IN_PROGRESS')
    const second = bed.sync(id, 2, { [id]: 'new' })
    bed.log.commit(1)
    expect(second.value).toBeUndefined()
    expect(bed.group().state).toBe('CompletingRebalance')
    bed.log.commit()
    expect(text(second.value?.assignment)).toBe('new')
  })

  test('fails the held requests and rebalances when the write fails', () => {
    const bed = new GroupBed()
    const id = bed.newMemberId()
    bed.join(id)
    bed.clock.advance(0)
    bed.log.refusal = 'NOT_ENOUGH_REPLICAS'
    expect(bed.sync(id, 1, { [id]: 'all' }).value).toMatchObject({ error: 'COORDINATOR_NOT_AVAILABLE' })
    expect(bed.group().state).toBe('PreparingRebalance')
    bed.log.refusal = undefined
    expect(bed.join(id).value).toMatchObject({ error: 'NONE', generationId: 2 })
  })
})

describe('sessions', () => {
  test('expire without heartbeats, and the remaining members rebalance immediately', () => {
    const bed = new GroupBed()
    const { ids, generation } = bed.stable(2)
    bed.clock.advance(9_999)
    expect(bed.heartbeat(ids[0] ?? '', generation)).toBeUndefined()
    bed.clock.advance(1)
    expect(bed.heartbeat(ids[1] ?? '', generation)).toBe('UNKNOWN_MEMBER_ID')
    expect(bed.heartbeat(ids[0] ?? '', generation)).toBe('REBALANCE_IN_PROGRESS')
    expect(bed.join(ids[0] ?? '').value).toMatchObject({ generationId: generation + 1, members: [{}] })
  })

  test('are extended by commits and by held joins', () => {
    const bed = new GroupBed()
    const { ids, generation } = bed.stable(2)
    bed.clock.advance(9_000)
    bed.heartbeat(ids[1] ?? '', generation)
    expect(bed.commitError(5n, { memberId: ids[0] ?? '', generationIdOrMemberEpoch: generation })).toBe('NONE')
    bed.clock.advance(9_000)
    bed.heartbeat(ids[1] ?? '', generation)
    expect(bed.heartbeat(ids[0] ?? '', generation)).toBeUndefined()
    const held = bed.join(ids[0] ?? '')
    bed.clock.advance(9_000)
    bed.heartbeat(ids[1] ?? '', generation)
    bed.clock.advance(9_000)
    expect(held.value).toBeUndefined()
    expect(bed.group().members.size).toBe(2)
  })

  test('of an assigned but unused member id delay the others no longer than the session timeout', () => {
    const bed = new GroupBed()
    const { ids } = bed.stable(1)
    bed.newMemberId()
    const rejoined = bed.join(ids[0] ?? '')
    bed.clock.advance(9_999)
    expect(rejoined.value).toBeUndefined()
    bed.clock.advance(1)
    expect(rejoined.value).toMatchObject({ error: 'NONE', generationId: 2 })
  })

  test('of the last member end with an empty group in the next generation and no timer', () => {
    const bed = new GroupBed()
    const { ids, generation } = bed.stable(1)
    expect(bed.leave(ids[0] ?? '')).toBe('NONE')
    expect(bed.group()).toMatchObject({
      state: 'Empty',
      generationId: generation + 1,
      protocolName: null,
      leaderId: null,
    })
    expect(bed.heartbeat(ids[0] ?? '', generation)).toBe('UNKNOWN_MEMBER_ID')
    expect(bed.leave(ids[0] ?? '')).toBe('UNKNOWN_MEMBER_ID')
    expect(bed.clock.timerCount).toBe(0)
  })
})

describe('static members', () => {
  const joinStatic = (bed: GroupBed, instance: string, memberId = '', apiVersion = 9) =>
    bed.join(memberId, { groupInstanceId: instance }, apiVersion)

  function stableStatic(bed: GroupBed): string[] {
    const joins = ['one', 'two'].map((instance) => joinStatic(bed, instance))
    bed.clock.advance(0)
    const ids = joins.map((join) => join.value?.memberId ?? '')
    const assignments = { [ids[0] ?? '']: 'left', [ids[1] ?? '']: 'right' }
    for (const id of ids) bed.sync(id, 1, id === ids[0] ? assignments : {})
    return ids
  }

  test('join without an id and rejoin without a rebalance, where the leader skips the assignment', () => {
    const bed = new GroupBed()
    const ids = stableStatic(bed)
    expect(ids[0]).toMatch(/^one-/)
    const follower = joinStatic(bed, 'two')
    expect(follower.value).toMatchObject({ error: 'NONE', generationId: 1, leader: ids[0], skipAssignment: false })
    expect(text(bed.sync(follower.value?.memberId ?? '', 1).value?.assignment)).toBe('right')
    const leader = joinStatic(bed, 'one')
    expect(leader.value).toMatchObject({ error: 'NONE', generationId: 1, skipAssignment: true, members: [{}, {}] })
    expect(leader.value?.leader).toBe(leader.value?.memberId)
    expect(bed.group().state).toBe('Stable')
    expect(bed.heartbeat(ids[0] ?? '', 1, 'one')).toBe('FENCED_INSTANCE_ID')
    expect(joinStatic(bed, 'one', ids[0]).value?.error).toBe('FENCED_INSTANCE_ID')
  })

  test('receive the old leader id before version 9 when the leader rejoins', () => {
    const bed = new GroupBed()
    const ids = stableStatic(bed)
    expect(joinStatic(bed, 'one', '', 8).value).toMatchObject({ leader: ids[0], skipAssignment: false, members: [] })
  })

  test('keep their old id when the write of the new one fails', () => {
    const bed = new GroupBed()
    const ids = stableStatic(bed)
    bed.log.refusal = 'NOT_ENOUGH_REPLICAS'
    expect(joinStatic(bed, 'two').value?.error).toBe('COORDINATOR_NOT_AVAILABLE')
    expect(bed.heartbeat(ids[1] ?? '', 1, 'two')).toBeUndefined()
    expect(bed.group().members.size).toBe(2)
  })

  test('are removed by an administrator with the instance id alone', () => {
    const bed = new GroupBed()
    stableStatic(bed)
    expect(bed.leave('', 'two')).toBe('NONE')
    expect(bed.leave('', 'two')).toBe('UNKNOWN_MEMBER_ID')
    expect(bed.group().state).toBe('PreparingRebalance')
  })

  test('stay in the next generation without rejoining', () => {
    const bed = new GroupBed()
    const ids = stableStatic(bed)
    const options = { groupInstanceId: 'one', protocols: [{ name: 'range', metadata: subscription('t', 'u') }] }
    const rejoined = bed.join(ids[0] ?? '', options)
    for (let i = 0; i < 12; i++) {
      bed.heartbeat(ids[1] ?? '', 1, 'two')
      bed.clock.advance(5_000)
    }
    expect(rejoined.value).toMatchObject({ error: 'NONE', generationId: 2, members: [{}, {}] })
  })

  test('fence the held join under their old id', () => {
    const bed = new GroupBed()
    const ids = stableStatic(bed)
    const held = bed.join(ids[0] ?? '', { groupInstanceId: 'one' })
    expect(held.value).toBeUndefined()
    joinStatic(bed, 'one')
    expect(held.value?.error).toBe('FENCED_INSTANCE_ID')
  })
})

describe('failover', () => {
  test('restores members, generation and assignments from the log, and restarts the sessions', () => {
    const bed = new GroupBed()
    const { ids, generation } = bed.stable(2)
    const next = bed.reloaded()
    expect(next.group()).toMatchObject({
      state: 'Stable',
      generationId: generation,
      leaderId: ids[0],
      protocolName: 'range',
    })
    expect(next.heartbeat(ids[1] ?? '', generation)).toBeUndefined()
    expect(text(next.sync(ids[1] ?? '', generation).value?.assignment)).toBe('part-1')
    expect(next.group().subscribedTopics).toEqual(new Set(['t']))
  })

  test('fails held requests with NOT_COORDINATOR when the leadership is lost, and leaves no timer', () => {
    const bed = new GroupBed()
    const { ids } = bed.stable(2)
    const held = bed.join(ids[0] ?? '')
    bed.shard.unload()
    expect(held.value?.error).toBe('NOT_COORDINATOR')
    expect(bed.clock.timerCount).toBe(0)
    expect(bed.shard.classicGroups.size).toBe(0)
  })

  test('drops a new group whose record the log rejects', () => {
    const bed = new GroupBed()
    bed.log.refusal = 'NOT_ENOUGH_REPLICAS'
    expect(bed.join('', {}, 3).value?.error).toBe('COORDINATOR_NOT_AVAILABLE')
    expect(bed.shard.classicGroups.size).toBe(0)
    expect(bed.clock.timerCount).toBe(0)
  })
})
