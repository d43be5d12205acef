import { type BuiltInAssignor, compareMembers, emptyAssignment, membersByTopic } from './assignor.ts'

/**
 * Deals all partitions of all topics, in order, to the members in order, and skips members that do not subscribe to the topic. It knows
 * no racks, as in Java.
 */
export const roundRobin: BuiltInAssignor = {
  name: 'roundrobin',
  protocol: 'eager',
  assign(group) {
    const assignment = emptyAssignment(group.members)
    const circle = group.members.toSorted(compareMembers)
    let turn = 0
    for (const { topic, info, members: subscribers } of membersByTopic(group)) {
      const wanted = new Set(subscribers)
      for (let partition = 0; partition < info.partitionCount; partition++) {
        while (!wanted.has(circle[turn % circle.length]!)) turn++
        const member = circle[turn % circle.length]!
        assignment.get(member.memberId)?.push({ topic, partition })
        turn++
      }
    }
    return assignment
  },
}
