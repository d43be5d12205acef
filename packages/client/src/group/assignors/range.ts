import { type Assignor, emptyAssignment, membersByTopic } from './assignor.ts'

/**
 * Divides each topic separately, in ranges of partitions over its members in order; the first members get one more where it does
 * not divide evenly. Topics with the same number of partitions and the same members are divided alike (co-partitioned), which
 * joins of streams rely on.
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
