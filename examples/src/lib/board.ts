import logUpdate from 'log-update'
import type { GroupDescription, TopicDescription } from 'ottla'
import pc from 'picocolors'
import type { Stage } from './stage.ts'

const pollMs = 150

interface Picture {
  readonly topics: readonly TopicDescription[]
  readonly groups: readonly GroupDescription[]
}

/**
 * Shows partitions, leaders, in-sync replicas and groups as they change: drawn in place below the story on a terminal, as a
 * line for each change in a pipe. It uses the admin client, as any tool would.
 */
export class Board {
  readonly #stage: Stage
  readonly #terminal = process.stdout.isTTY === true
  readonly #known = new Map<string, string>()
  #topics: readonly string[] = []
  #groups: readonly string[] = []
  #picture = ''
  #watching: Promise<void> | undefined
  #stopped = false

  constructor(stage: Stage) {
    this.#stage = stage
    stage.say = (line) => this.say(line)
  }

  /** Watches these topics and groups from now on, by the names of this run. */
  watch(topics: readonly string[], groups: readonly string[]): void {
    this.#topics = topics
    this.#groups = groups
    this.#known.clear()
    this.#watching ??= this.#poll()
  }

  say(line: string): void {
    if (!this.#terminal) {
      console.log(line)
      return
    }
    logUpdate.clear()
    console.log(line)
    if (this.#picture !== '') logUpdate(this.#picture)
  }

  /** Removes the picture. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#watching
    if (!this.#terminal) return
    logUpdate.clear()
    logUpdate.done()
  }

  async #poll(): Promise<void> {
    while (!this.#stopped && !this.#stage.signal.aborted) {
      const picture = await this.#look()
      if (picture !== undefined && !this.#stopped) this.#show(picture)
      await this.#stage.pause(pollMs).catch(() => {})
    }
  }

  /** Undefined while the cluster does not respond, for example after the loss of a broker. */
  async #look(): Promise<Picture | undefined> {
    const { admin } = this.#stage
    const limit = { timeoutMs: 2_000 }
    const [topicNames, groupIds] = [
      this.#topics.map((n) => this.#stage.named(n)),
      this.#groups.map((n) => this.#stage.named(n)),
    ]
    try {
      const topics = await admin.describeTopics(topicNames, limit)
      const groups = await admin.describeConsumerGroups(groupIds, limit)
      return { topics, groups }
    } catch {
      return undefined
    }
  }

  #show({ topics, groups }: Picture): void {
    if (this.#terminal) {
      this.#picture = [...topics.flatMap(drawTopic), ...groups.map(drawGroup)].join('\n')
      logUpdate(this.#picture)
      return
    }
    for (const topic of topics) {
      for (const { partition, leader, isr } of topic.partitions) {
        const state = `leader ${leader < 0 ? 'none' : leader}, in sync ${[...isr].sort().join(' ')}`
        this.#note(`${topic.name}-${partition}`, state)
      }
    }
    for (const group of groups)
      this.#note(`group ${group.groupId}`, `${group.state}: ${membersOf(group) || 'no members'}`)
  }

  #note(name: string, state: string): void {
    const before = this.#known.get(name)
    if (before === state) return
    this.#known.set(name, state)
    console.log(before === undefined ? `    | ${name}: ${state}` : `    | ${name}: ${before} -> ${state}`)
  }
}

function drawTopic({ name, partitions }: TopicDescription): string[] {
  const head = pc.bold(`  ${name}`)
  const rows = partitions.map(({ partition, leader, replicas, isr }) => {
    const lights = [...replicas].sort().map((id) => {
      const sign = id === leader ? `[${id}]` : ` ${id} `
      return isr.includes(id) ? pc.green(sign) : pc.red(sign)
    })
    const state = leader < 0 ? pc.red('no leader') : `leader ${leader}`
    return `    ${String(partition).padStart(2)}  ${lights.join('')}  ${state}`
  })
  return [head, ...rows]
}

function drawGroup(group: GroupDescription): string {
  return `  ${pc.bold(group.groupId)} ${pc.dim(group.state)}  ${membersOf(group)}`
}

function membersOf({ members }: GroupDescription): string {
  return [...members]
    .sort((a, b) => (a.clientId < b.clientId ? -1 : 1))
    .map(({ clientId, assignment }) => {
      const owned = assignment.map(({ partition }) => partition).sort((a, b) => a - b)
      return `${clientId} ${owned.length === 0 ? 'idle' : `[${owned.join(' ')}]`}`
    })
    .join('  ')
}
