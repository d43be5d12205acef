import { CreateAcls, DeleteAcls, DescribeAcls } from '@ottla/codec'
import { aclsOf, known, openBob, theCluster, withDenied } from '../acls.ts'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

const read = 3
const all = 2
const any = 1
const allow = 3
const deny = 2
const patterns = { any: 1, match: 2, literal: 3, prefixed: 4 } as const

/** Several ACLs of two topics and a group. */
async function someAcls(stage: Stage) {
  const t = stage.name('topic')
  const acl = { resourceType: 2, resourceName: t, resourcePatternType: patterns.literal, host: '*' }
  const creations = [
    { ...acl, principal: 'User:bob', operation: read, permissionType: allow },
    { ...acl, principal: 'User:*', operation: all, permissionType: deny, host: '10.0.0.1' },
    {
      ...acl,
      resourceName: stage.name('to'),
      resourcePatternType: patterns.prefixed,
      principal: 'User:bob',
      operation: read,
      permissionType: allow,
    },
    { ...acl, resourceType: 3, principal: 'User:carol', operation: read, permissionType: allow },
  ]
  const ofTopic = { type: 'TOPIC', name: t } as const
  await stage.do(CreateAcls, 3, { creations })
  await known(stage, { type: 'GROUP', name: t }, true, stage.wire)
  const filter = { ...aclsOf(ofTopic), patternTypeFilter: patterns.any }
  const remove = async () => {
    const filters = [t, stage.name('to')].map((name) => ({
      ...filter,
      resourceTypeFilter: any,
      resourceNameFilter: name,
    }))
    await stage.do(DeleteAcls, 3, { filters })
  }
  return { filter, remove }
}

export const describeAcls = conformance(DescribeAcls, {
  async valid(stage) {
    const { filter, remove } = await someAcls(stage)
    await stage.ask('all of a topic', filter)
    await stage.ask('of any type by name', { ...filter, resourceTypeFilter: any })
    await stage.ask('only literal', { ...filter, patternTypeFilter: patterns.literal })
    await stage.ask('only prefixed', { ...filter, patternTypeFilter: patterns.prefixed })
    await stage.ask('what matches', { ...filter, patternTypeFilter: patterns.match })
    await stage.ask('what matches a name that starts so', {
      ...filter,
      patternTypeFilter: patterns.match,
      resourceNameFilter: stage.name('tomorrow'),
    })
    await stage.ask('by principal', { ...filter, principalFilter: 'User:bob' })
    await stage.ask('by a principal that has none', { ...filter, principalFilter: 'User:dave' })
    await stage.ask('by host', { ...filter, hostFilter: '10.0.0.1' })
    await stage.ask('by operation', { ...filter, operation: read })
    await stage.ask('by the operation ALL', { ...filter, operation: all })
    await stage.ask('by permission', { ...filter, permissionType: deny })
    await remove()
  },
  async invalid(stage) {
    const filter = aclsOf({ type: 'TOPIC', name: stage.name('topic') })
    await stage.ask('an unknown type', { ...filter, resourceTypeFilter: 99 })
    await stage.ask('an unknown operation', { ...filter, operation: 99 })
    await stage.ask('an unknown pattern', { ...filter, patternTypeFilter: 99 })
    await stage.ask('an unknown permission', { ...filter, permissionType: 99 })
    await stage.ask('no operation', { ...filter, operation: 0 }, { on: await stage.open() })
    await stage.ask('no type', { ...filter, resourceTypeFilter: 0 }, { on: await stage.open() })
  },
  async wrongState(stage) {
    const { filter, remove } = await someAcls(stage)
    await stage.ask('of a topic without', { ...filter, resourceNameFilter: stage.name('other') })
    await stage.ask('by another type', { ...filter, resourceTypeFilter: 5 })
    await remove()
    await known(stage, { type: 'TOPIC', name: stage.name('topic') }, false, stage.wire)
    await stage.ask('after they were deleted', filter)
  },
})

export const describeAclsDenied = conformance(
  DescribeAcls,
  {
    async wrongState(stage) {
      await withDenied(stage, [theCluster], async () => {
        const on = await openBob(stage)
        await stage.ask('by who may not describe the cluster', aclsOf({ type: 'TOPIC', name: stage.name('t') }), { on })
      })
    },
  },
  { alone: true },
)
