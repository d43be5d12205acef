import { AlterClientQuotas, type Api, CreateTopics, DeleteTopics, DescribeClientQuotas } from '@ottla/codec'
import type { Wire } from '../support/wire.ts'
import type { Stage } from './stage.ts'

/** Sets a quota of one client id, or removes it with null; resolves when all brokers have applied it. */
export async function setQuota<A extends Api>(
  stage: Stage<A>,
  clientId: string,
  key: string,
  value: number | null,
): Promise<void> {
  const entity = [{ entityType: 'client-id', entityName: clientId }]
  const ops = [{ key, value: value ?? 0, remove: value === null }]
  await stage.do(AlterClientQuotas, 1, { entries: [{ entity, ops }], validateOnly: false })
  const components = [{ entityType: 'client-id', matchType: 0, match: clientId }]
  for (const broker of [1, 2, 3]) {
    const wire = await stage.open({ broker })
    await stage.until(`the quota on broker ${broker}`, async () => {
      const { entries } = await stage.do(DescribeClientQuotas, 1, { components, strict: true }, { on: wire })
      return entries?.[0]?.values.find((each) => each.key === key)?.value === (value ?? undefined)
    })
    wire.close()
  }
}

/** Removes the quota of the client of `exhausted`. */
export const relieved = <A extends Api>(stage: Stage<A>): Promise<void> =>
  setQuota(stage, stage.name('busy'), 'controller_mutation_rate', null)

/** A connection of a client with an exhausted controller mutation quota. */
export async function exhausted<A extends Api>(stage: Stage<A>): Promise<Wire> {
  const clientId = stage.name('busy')
  await setQuota(stage, clientId, 'controller_mutation_rate', 0.1)
  const before = await stage.open({ clientId })
  const name = stage.name('busy-topic')
  const topics = [{ name, numPartitions: 20, replicationFactor: 1, assignments: [], configs: [] }]
  await stage.do(CreateTopics, 7, { topics, timeoutMs: 10_000 }, { on: before })
  await stage.do(DeleteTopics, 5, { topicNames: [name], timeoutMs: 10_000 })
  // The first connection is muted for a while; another one of the same client is not, until its first request.
  return stage.open({ clientId })
}
