import { stringsInHashOrder } from '../java-order.ts'
import { PriorityQueue } from './priority-queue.ts'
import type { TargetTasks } from './streams-group-member.ts'

export interface AssignorMember {
  readonly processId: string
  /** Its tasks in the last assignment. */
  readonly target: TargetTasks
}

export interface AssignorSubtopology {
  readonly subtopologyId: string
  readonly taskCount: number
  readonly isStateful: boolean
}

interface Task {
  readonly subtopologyId: string
  readonly partition: number
}

/** A member as the location of a task's state. */
interface TaskLocation {
  readonly memberId: string
  readonly process: Process
}

const keyOf = ({ subtopologyId, partition }: Task): string => `${partition} ${subtopologyId}`
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const byPartition = (a: Task, b: Task): number =>
  a.partition - b.partition || compareText(a.subtopologyId, b.subtopologyId)
const bySubtopology = (a: Task, b: Task): number =>
  compareText(a.subtopologyId, b.subtopologyId) || a.partition - b.partition

/** The members of one process, with the number of tasks of each. */
class Process {
  readonly counts = new Map<string, number>()
  readonly tasks = new Set<string>()
  #added = 0
  #byLoad: PriorityQueue<[memberId: string, count: number]> | undefined

  get load(): number {
    return this.tasks.size === 0 && this.#added === 0 ? 0 : this.#added / this.counts.size
  }

  add(memberId: string, task: Task): number {
    this.#byLoad = undefined
    return this.#add(memberId, task)
  }

  addToLeastLoaded(task: Task): readonly [memberId: string, count: number] {
    const [only] = this.counts.keys()
    if (this.counts.size === 1 && only !== undefined) return [only, this.#add(only, task)]
    if (this.#byLoad === undefined) {
      this.#byLoad = new PriorityQueue((a, b) => a[1] - b[1])
      for (const memberId of stringsInHashOrder(this.counts.keys())) {
        this.#byLoad.add([memberId, this.counts.get(memberId) ?? 0])
      }
    }
    const least = this.#byLoad.poll()
    if (least === undefined) throw new Error('The process has no members')
    const count = this.#add(least[0], task)
    this.#byLoad.add([least[0], count])
    return [least[0], count]
  }

  #add(memberId: string, task: Task): number {
    this.#added++
    this.tasks.add(keyOf(task))
    const count = (this.counts.get(memberId) ?? 0) + 1
    this.counts.set(memberId, count)
    return count
  }
}

/** The maximum number of tasks per member: the equal share of the members that have not reached it yet. */
class Quota {
  #tasks: number
  #members: number
  each: number

  constructor(tasks: number, members: number) {
    this.#tasks = tasks
    this.#members = members
    this.each = share(tasks, members)
  }

  /** A member now has `count` tasks. A member that reaches its share no longer counts for the others. */
  onAssigned(count: number): void {
    if (count !== this.each) return
    this.#members--
    this.#tasks -= count
    this.each = share(this.#tasks, this.#members)
  }
}

const share = (tasks: number, members: number): number => (members === 0 ? 0 : Math.ceil(tasks / members))

/** The `sticky` assignor: keeps tasks where they or their state are, as far as the quotas allow. */
export function assignTasks(
  members: ReadonlyMap<string, AssignorMember>,
  subtopologies: readonly AssignorSubtopology[],
  standbyCount: number,
): ReadonlyMap<string, TargetTasks> {
  return new StickyAssignment(members, subtopologies, standbyCount).assign()
}

type Assigned = Map<string, Map<string, Set<number>>>

class StickyAssignment {
  readonly #memberIds: readonly string[]
  readonly #processes = new Map<string, Process>()
  readonly #previousActive = new Map<string, TaskLocation>()
  readonly #previousStandby = new Map<string, TaskLocation[]>()
  readonly #subtopologies: readonly AssignorSubtopology[]
  readonly #standbyCount: number
  readonly #active: Assigned = new Map()
  readonly #standby: Assigned = new Map()
  readonly #activeQuota: Quota
  readonly #quota: Quota

  constructor(
    members: ReadonlyMap<string, AssignorMember>,
    subtopologies: readonly AssignorSubtopology[],
    standbyCount: number,
  ) {
    this.#memberIds = stringsInHashOrder(members.keys())
    this.#subtopologies = subtopologies
    this.#standbyCount = standbyCount
    const active = subtopologies.reduce((sum, { taskCount }) => sum + taskCount, 0)
    const stateful = subtopologies.filter(({ isStateful }) => isStateful).reduce((sum, each) => sum + each.taskCount, 0)
    this.#activeQuota = new Quota(active, members.size)
    this.#quota = new Quota(active + stateful * standbyCount, members.size)
    for (const memberId of this.#memberIds) this.#addMember(memberId, members.get(memberId))
  }

  assign(): ReadonlyMap<string, TargetTasks> {
    this.#assignActive(this.#tasks(() => true))
    if (this.#standbyCount > 0) this.#assignStandby(this.#tasks(({ isStateful }) => isStateful))
    return new Map(
      this.#memberIds.map((memberId) => [
        memberId,
        { active: this.#active.get(memberId) ?? new Map(), standby: this.#standby.get(memberId) ?? new Map() },
      ]),
    )
  }

  #addMember(memberId: string, member: AssignorMember | undefined): void {
    if (member === undefined) return
    const process = this.#processes.get(member.processId) ?? new Process()
    this.#processes.set(member.processId, process)
    process.counts.set(memberId, 0)
    const location = { memberId, process }
    for (const task of tasksOf(member.target.active)) this.#previousActive.set(keyOf(task), location)
    for (const task of tasksOf(member.target.standby)) {
      const locations = this.#previousStandby.get(keyOf(task)) ?? []
      this.#previousStandby.set(keyOf(task), [...locations, location])
    }
  }

  #tasks(isWanted: (subtopology: AssignorSubtopology) => boolean): Task[] {
    return this.#subtopologies
      .filter(isWanted)
      .flatMap(({ subtopologyId, taskCount }) =>
        Array.from({ length: taskCount }, (_, partition) => ({ subtopologyId, partition })),
      )
  }

  #assignActive(all: Task[]): void {
    const stay = (location: TaskLocation | undefined, task: Task): boolean => {
      const count = location?.process.counts.get(location.memberId) ?? 0
      if (location === undefined || count >= this.#activeQuota.each) return false
      this.#addActive(location.memberId, task, location.process.add(location.memberId, task))
      return true
    }
    const moved = all.sort(byPartition).filter((task) => !stay(this.#previousActive.get(keyOf(task)), task))
    const rest = moved.filter((task) => !stay(leastLoaded(this.#previousStandby.get(keyOf(task)) ?? []), task))
    const queue = this.#byLoad()
    for (const task of rest.sort(bySubtopology)) {
      const process = queue.poll()
      if (process === undefined) return
      const [memberId, count] = process.addToLeastLoaded(task)
      this.#addActive(memberId, task, count)
      queue.add(process)
    }
  }

  #assignStandby(all: Task[]): void {
    const rest: { readonly task: Task; readonly count: number }[] = []
    for (const task of all.sort((a, b) => byPartition(b, a))) {
      let kept = 0
      while (kept < this.#standbyCount && this.#keepStandby(task)) kept++
      rest.push({ task, count: this.#standbyCount - kept })
    }
    const queue = this.#byLoad()
    for (const { task, count } of rest.sort((a, b) => bySubtopology(b.task, a.task))) {
      for (let i = 0; i < count; i++) if (!this.#standbyToLeastLoaded(queue, task)) break
    }
  }

  /** Assigns a standby task to the member that had it as an active or a standby task, if possible. */
  #keepStandby(task: Task): boolean {
    const hasRoom = ({ process, memberId }: TaskLocation): boolean =>
      !process.tasks.has(keyOf(task)) && (process.counts.get(memberId) ?? 0) < this.#quota.each
    const active = this.#previousActive.get(keyOf(task))
    const location =
      active !== undefined && hasRoom(active) ? active : leastLoaded(this.#previousStandby.get(keyOf(task)) ?? [], task)
    if (location === undefined || !hasRoom(location)) return false
    this.#addStandby(location.memberId, task, location.process.add(location.memberId, task))
    return true
  }

  #standbyToLeastLoaded(queue: PriorityQueue<Process>, task: Task): boolean {
    const process = queue.poll()
    if (process === undefined) return false
    let isFound = false
    if (!process.tasks.has(keyOf(task))) {
      const [memberId, count] = process.addToLeastLoaded(task)
      this.#addStandby(memberId, task, count)
      isFound = true
    } else if (queue.size > 0) isFound = this.#standbyToLeastLoaded(queue, task)
    queue.add(process)
    return isFound
  }

  #byLoad(): PriorityQueue<Process> {
    const queue = new PriorityQueue<Process>((a, b) => a.load - b.load)
    for (const id of stringsInHashOrder(this.#processes.keys())) {
      const process = this.#processes.get(id)
      if (process !== undefined) queue.add(process)
    }
    return queue
  }

  #addActive(memberId: string, task: Task, count: number): void {
    put(this.#active, memberId, task)
    this.#activeQuota.onAssigned(count)
    this.#quota.onAssigned(count)
  }

  #addStandby(memberId: string, task: Task, count: number): void {
    put(this.#standby, memberId, task)
    this.#quota.onAssigned(count)
  }
}

function put(assigned: Assigned, memberId: string, { subtopologyId, partition }: Task): void {
  const tasks = assigned.get(memberId) ?? new Map<string, Set<number>>()
  assigned.set(memberId, tasks)
  tasks.set(subtopologyId, (tasks.get(subtopologyId) ?? new Set()).add(partition))
}

function tasksOf(tasks: TargetTasks['active']): Task[] {
  return [...tasks].flatMap(([subtopologyId, partitions]) =>
    [...partitions].map((partition) => ({ subtopologyId, partition })),
  )
}

/** The least loaded location of a task's state; with `task`, undefined when the first location already has the task. */
function leastLoaded(locations: readonly TaskLocation[], task?: Task): TaskLocation | undefined {
  const [first] = locations
  if (first === undefined) return undefined
  const countOf = ({ process, memberId }: TaskLocation): number => process.counts.get(memberId) ?? 0
  let best = first
  for (const location of locations) {
    const isFree = task === undefined || !location.process.tasks.has(keyOf(task))
    if (location.process.load < best.process.load && isFree && countOf(location) < countOf(best)) best = location
  }
  return task !== undefined && first.process.tasks.has(keyOf(task)) ? undefined : best
}
