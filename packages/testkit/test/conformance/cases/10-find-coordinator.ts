import { FindCoordinator } from '@ottla/codec'
import { conformance } from '../case.ts'
import { groupBed } from '../groups.ts'

const ask = (version: number, keyType: number, keys: readonly string[]) =>
  version >= 4
    ? { key: '', keyType, coordinatorKeys: keys }
    : { key: keys[0] ?? '', keyType: version >= 1 ? keyType : 0, coordinatorKeys: [] }

export const findCoordinator = conformance(FindCoordinator, {
  async valid(stage, version) {
    const { group } = await groupBed(stage)
    // The leader of the partition may be any broker.
    stage.drop('nodeId', 'host', 'port')
    const found = await stage.ask('of a group', ask(version, 0, [group]))
    const nodeId = version >= 4 ? found.coordinators[0]?.nodeId : found.nodeId
    stage.saw('it is the one', nodeId === (await stage.coordinatorId(group)))
    if (version >= 4) await stage.ask('of two', ask(version, 0, [group, stage.name('other')]))
    if (version < 1) return
    await stage.coordinatorId(stage.name('tx'), 'transaction')
    await stage.ask('of a transaction', ask(version, 1, [stage.name('tx')]))
  },

  async invalid(stage, version) {
    await groupBed(stage)
    stage.drop('nodeId', 'host', 'port')
    if (version >= 1) await stage.ask('no such type', ask(version, 9, ['k']))
    if (version >= 4) await stage.ask('nothing', ask(version, 0, []))
    if (version >= 4) await stage.ask('twice', ask(version, 0, ['k', 'k']))
    await stage.ask('no key', ask(version, 0, ['']))
  },

  async wrongState(stage, version) {
    stage.drop('nodeId', 'host', 'port')
    await groupBed(stage)
    // These versions have no wrong state: an empty group has a coordinator too.
    await stage.ask('of a group that is not there', ask(version, 0, [stage.name('stranger')]))
    if (version >= 1 && version < 6)
      await stage.ask('of a share partition before its version', ask(version, 2, ['g:t:0']))
  },
})
