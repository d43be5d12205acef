import { readFileSync } from 'node:fs'

interface LedgerLine {
  readonly event: 'acknowledged' | 'received'
  readonly app?: string
  readonly topic: string
  readonly id: string
}

export interface Recount {
  readonly sent: number
  readonly received: number
  readonly lost: number
  readonly duplicated: number
}

/** Counts a ledger from its lines alone: every application that read a topic must have received each of its records once. */
export function recount(path: string): Recount {
  const lines = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LedgerLine)
  const readers = new Map<string, Map<string, Map<string, number>>>()
  for (const { event, app = '', topic, id } of lines) {
    if (event !== 'received') continue
    const apps = readers.get(topic) ?? new Map<string, Map<string, number>>()
    const times = apps.get(app) ?? new Map<string, number>()
    readers.set(topic, apps.set(app, times.set(id, (times.get(id) ?? 0) + 1)))
  }
  const acknowledged = lines.filter(({ event }) => event === 'acknowledged')
  const timesOf = ({ topic, id }: LedgerLine) =>
    [...(readers.get(topic)?.values() ?? [])].map((ids) => ids.get(id) ?? 0)
  const received = acknowledged.filter((line) => timesOf(line).length > 0 && timesOf(line).every((times) => times > 0))
  const duplicated = acknowledged.filter((line) => timesOf(line).some((times) => times > 1))
  return {
    sent: acknowledged.length,
    received: received.length,
    lost: acknowledged.length - received.length,
    duplicated: duplicated.length,
  }
}
