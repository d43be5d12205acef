import { ListGroups } from '@ottla/codec'
import { conformance } from '../case.ts'
import { ConsumerScript, disableAssignmentDelay, type GroupBed, groupBed, stableAlone } from '../groups.ts'
import { commit } from '../offsets.ts'
import type { Stage } from '../stage.ts'

type ListStage = Stage<typeof ListGroups>
interface Filter {
  readonly states?: readonly string[]
  readonly types?: readonly string[]
}

/** Only the case's own group: the cluster has other groups, some with the same coordinator. */
async function listed(stage: ListStage, label: string, { on, group }: GroupBed, filter: Filter = {}): Promise<void> {
  const body = { statesFilter: filter.states ?? [], typesFilter: filter.types ?? [] }
  const { groups, errorCode } = await stage.do(ListGroups, stage.version, body, { on })
  const own = groups.filter(({ groupId }) => groupId === group)
  stage.saw(label, { errorCode, listed: own })
}

export const listGroups = conformance(ListGroups, {
  async valid(stage, version) {
    const simple = await groupBed(stage, 'simple')
    await listed(stage, 'not there', simple)
    await commit(stage, simple)
    await listed(stage, 'offsets alone', simple)
    const classic = await groupBed(stage, 'classic')
    await stableAlone(stage, classic)
    await listed(stage, 'a classic group', { ...classic, group: classic.group })
    const bed = await groupBed(stage, 'consumers')
    await disableAssignmentDelay(stage, bed)
    const group = new ConsumerScript(stage, bed)
    await group.join(undefined, 'm')
    await listed(stage, 'a consumer group', bed)
    if (version >= 4) await listed(stage, 'stable ones', bed, { states: ['sTable '] })
    if (version >= 4) await listed(stage, 'empty ones', bed, { states: ['Empty', 'Dead'] })
    if (version >= 5) await listed(stage, 'those of consumers', bed, { types: ['Consumer'] })
    if (version >= 5) await listed(stage, 'classic ones', bed, { types: ['classic'], states: ['Stable'] })
    await group.leave(undefined, 'm')
    await listed(stage, 'has no member', bed)
  },

  async invalid(stage, version) {
    const bed = await groupBed(stage)
    await commit(stage, bed)
    if (version >= 4) await listed(stage, 'no such state', bed, { states: ['Odd'] })
    if (version >= 4) await listed(stage, 'an empty state', bed, { states: [''] })
    if (version >= 5) await listed(stage, 'no such type', bed, { types: ['odd'] })
    if (version >= 5) await listed(stage, 'one type that is, one that is not', bed, { types: ['odd', 'classic'] })
    // Before version 4 there is no invalid request.
    await listed(stage, 'all', bed)
  },

  async wrongState(stage) {
    const bed = await groupBed(stage)
    await stableAlone(stage, bed)
    const on = await stage.open({ broker: (await stage.coordinatorId(bed.group)) === 1 ? 2 : 1 })
    await listed(stage, 'coordinated elsewhere', { ...bed, on })
  },
})
