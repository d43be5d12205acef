import { OffsetDelete } from '@ottla/codec'
import { conformance } from '../case.ts'
import { ConsumerScript, disableAssignmentDelay, elsewhere, groupBed, stableAlone } from '../groups.ts'
import { commit, noteOffsets } from '../offsets.ts'

const body = (groupId: string, name: string, partitions: readonly number[]) => ({
  groupId,
  topics: [{ name, partitions: partitions.map((partitionIndex) => ({ partitionIndex })) }],
})

export const offsetDelete = conformance(OffsetDelete, {
  async valid(stage) {
    const bed = await groupBed(stage)
    await commit(stage, bed, { partitions: [0, 1] })
    await stage.ask('deletes one', body(bed.group, bed.topic, [0]), { on: bed.on })
    await noteOffsets(stage, bed, 'the other is there', [0, 1])
    await stage.ask('one that has none', body(bed.group, bed.topic, [3]), { on: bed.on })
    await stage.ask('no partition', body(bed.group, bed.topic, []), { on: bed.on })
    const other = await groupBed(stage, 'c')
    await disableAssignmentDelay(stage, other)
    const group = new ConsumerScript(stage, other)
    await group.join(undefined, 'm', { subscribedTopicNames: [bed.topic] })
    await stage.ask('a topic that consumers do not read', body(other.group, other.topic, [0]), { on: other.on })
  },

  async invalid(stage) {
    const bed = await groupBed(stage)
    await commit(stage, bed)
    await stage.ask('no group id', body('', bed.topic, [0]), { on: bed.on })
    await stage.ask('no such topic', body(bed.group, stage.name('none'), [0]), { on: bed.on })
    await stage.ask('no such partition', body(bed.group, bed.topic, [0, 9, -1]), { on: bed.on })
    await stage.ask('nothing', { groupId: bed.group, topics: [] }, { on: bed.on })
  },

  async wrongState(stage) {
    const bed = await groupBed(stage)
    await stage.ask('elsewhere', body(bed.group, bed.topic, [0]), { on: await elsewhere(stage, bed.group) })
    await stage.ask('not there', body(bed.group, bed.topic, [0]), { on: bed.on })
    await stableAlone(stage, bed)
    await stage.ask('its member reads it', body(bed.group, bed.topic, [0]), { on: bed.on })
    const connect = await groupBed(stage, 'connect')
    const protocols = [{ name: 'p', metadata: Buffer.from('x') }]
    await stableAlone(stage, connect, { protocolType: 'connect', protocols })
    await stage.ask('a group of another kind', body(connect.group, connect.topic, [0]), { on: connect.on })
    const other = await groupBed(stage, 'c')
    const group = new ConsumerScript(stage, other)
    await group.join(undefined, 'm')
    await stage.ask('a consumer reads it', body(other.group, other.topic, [0]), { on: other.on })
  },
})
