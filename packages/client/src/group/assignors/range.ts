import { type Assignor, emptyAssignment, membersByTopic } from './assignor.ts'

/**
 * Each topic by itself: its partitions in ranges over its members in order, the first members getting one more. Topics with as
 * many partitions and the same members are therefore shared out alike (co-partitioned), which joins rely on.
 */
export const range: Assignor = {
  name: 'range',
  cooperative: false,
  assign(counts, members) {
    const assignment = emptyAssignment(members)
    for (const { topic, count, members: subscribers } of membersByTopic(counts, members)) {
      const each = Math.floor(count / subscribers.length)
      const extra = count % subscribers.length
      let partition = 0
      subscribers.forEach((member, i) => {
        const end = partition + each + (i < extra ? 1 : 0)
        const own = assignment.get(member.memberId)
        for (; partition < end; partition++) own?.push({ topic, partition })
      })
    }
    return assignment
  },
}
