import type { GroupMember } from '../../src/group/assignors/assignor.ts'
import { cooperativeSticky } from '../../src/group/assignors/cooperative-sticky.ts'
import { range } from '../../src/group/assignors/range.ts'
import { roundRobin } from '../../src/group/assignors/round-robin.ts'
import { sticky } from '../../src/group/assignors/sticky.ts'
import { decodeAssignment, decodeSubscription } from '../../src/group/consumer-protocol.ts'
import type { TopicLayout, TopicPartition } from '../../src/group/membership.ts'

/** A line of the program AssignorSteps.java: a group, and what Java's assignor gives to its members. */
export interface JavaStep {
  readonly assignor: string
  /** For each topic the racks of its partitions, one letter each: 'a,bc,,a'. */
  readonly topics: Readonly<Record<string, string>>
  /** Member id, instance id, and metadata in hex. */
  readonly members: readonly (readonly [string, string | null, string])[]
  /** The assignment of each member in hex. */
  readonly result: Readonly<Record<string, string>>
}

export function stepsOf(lines: string): JavaStep[] {
  return lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as JavaStep)
}

const assignors = [range, roundRobin, sticky(), cooperativeSticky]
const bytesOf = (hex: string) => Buffer.from(hex, 'hex')

export const names = (partitions: readonly TopicPartition[]) =>
  partitions.map(({ topic, partition }) => `${topic}-${partition}`).sort()

export function membersOf(step: JavaStep): GroupMember[] {
  return step.members.map(([memberId, instanceId, metadata]) => {
    return { memberId, instanceId, ...decodeSubscription(bytesOf(metadata)) }
  })
}

/** What each member receives, by Java and by this client. */
export function resultsOf(step: JavaStep): { java: object; own: object } {
  const topics = new Map(
    Object.entries(step.topics).map(([topic, text]): [string, TopicLayout] => {
      const racks = text.split(',').map((letters) => [...letters])
      return [topic, { partitionCount: racks.length, racks }]
    }),
  )
  const assignor = assignors.find(({ name }) => name === step.assignor)
  const plan = assignor?.assign({ topics, members: membersOf(step) }) ?? new Map<string, TopicPartition[]>()
  const java = Object.entries(step.result).map(([id, hex]) => [id, names(decodeAssignment(bytesOf(hex)).partitions)])
  return { java: Object.fromEntries(java), own: Object.fromEntries(Array.from(plan, ([id, own]) => [id, names(own)])) }
}
