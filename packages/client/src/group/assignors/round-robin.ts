import { type Assignor, compareMembers, emptyAssignment, membersByTopic } from './assignor.ts'

/** Deals all partitions of all topics, in order, to the members in order, and skips members that do not subscribe to the topic. */
export const roundRobin: Assignor = {
  name: 'roundrobin',
  cooperative: false,
  assign(counts, members) {
    const assignment = emptyAssignment(members)
    const circle = members.toSorted(compareMembers)
    let turn = 0
    for (const { topic, count, members: subscribers } of membersByTopic(counts, members)) {
      const wanted = new Set(subscribers)
      for (let partition = 0; partition < count; partition++) {
        while (!wanted.has(circle[turn % circle.length]!)) turn++
        const member = circle[turn % circle.length]!
        assignment.get(member.memberId)?.push({ topic, partition })
        turn++
      }
    }
    return assignment
  },
}
