import { CreateAcls, DeleteAcls, DescribeAcls } from '@ottla/codec'
import { aclsOf, known, openBob, theCluster, withDenied } from '../acls.ts'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

async function someAcls(stage: Stage) {
  const t = stage.name('topic')
  const acl = { resourceType: 2, resourceName: t, resourcePatternType: 3, principal: 'User:bob', host: '*' }
  const creations = [
    { ...acl, operation: 3, permissionType: 3 },
    { ...acl, operation: 4, permissionType: 3 },
    { ...acl, operation: 8, permissionType: 2 },
    { ...acl, operation: 3, permissionType: 3, resourcePatternType: 4 },
    { ...acl, operation: 3, permissionType: 3, resourceName: stage.name('other') },
  ]
  await stage.do(CreateAcls, 3, { creations })
  await known(stage, { type: 'TOPIC', name: stage.name('other') }, true, stage.wire)
  return { of: aclsOf({ type: 'TOPIC', name: t }), other: aclsOf({ type: 'TOPIC', name: stage.name('other') }) }
}

export const deleteAcls = conformance(DeleteAcls, {
  async valid(stage) {
    const { of, other } = await someAcls(stage)
    await stage.ask('one', { filters: [{ ...of, operation: 4 }] })
    await stage.ask('by two filters that meet the same', {
      filters: [
        { ...of, permissionType: 2 },
        { ...of, operation: 8 },
      ],
    })
    await stage.ask('only prefixed', { filters: [{ ...of, patternTypeFilter: 4 }] })
    await stage.ask('the rest, of two', { filters: [of, other] })
    await known(stage, { type: 'TOPIC', name: stage.name('other') }, false, stage.wire)
    await stage.note('are gone', DescribeAcls, 3, of)
    await stage.ask('none', { filters: [] })
  },
  async invalid(stage) {
    const { of, other } = await someAcls(stage)
    await stage.ask('an unknown type', { filters: [{ ...of, resourceTypeFilter: 99 }] })
    await stage.ask('an unknown pattern', { filters: [{ ...of, patternTypeFilter: 99 }] })
    await stage.ask('an unknown operation', { filters: [{ ...of, operation: 99 }] })
    await stage.ask('an unknown permission', { filters: [{ ...of, permissionType: 99 }] })
    await stage.ask('a wrong and a right one', {
      filters: [
        { ...of, operation: 99 },
        { ...of, operation: 4 },
      ],
    })
    await stage.ask('no operation', { filters: [{ ...of, operation: 0 }] }, { on: await stage.open() })
    await stage.ask('no pattern', { filters: [{ ...of, patternTypeFilter: 0 }] }, { on: await stage.open() })
    await stage.do(DeleteAcls, 3, { filters: [of, other] })
  },
  async wrongState(stage) {
    const { of, other } = await someAcls(stage)
    await stage.ask('of a topic without', { filters: [{ ...of, resourceNameFilter: stage.name('none') }] })
    await stage.ask('of no user', { filters: [{ ...of, principalFilter: 'User:stranger' }] })
    await stage.ask('all', { filters: [of, other] })
    await stage.ask('again', { filters: [of, other] })
  },
})

export const deleteAclsDenied = conformance(
  DeleteAcls,
  {
    async wrongState(stage) {
      await withDenied(stage, [theCluster], async () => {
        const on = await openBob(stage)
        const filter = { ...aclsOf({ type: 'TOPIC', name: stage.name('t') }), principalFilter: 'User:stranger' }
        await stage.ask('by who may not alter the cluster', { filters: [filter, filter] }, { on })
      })
    },
  },
  { alone: true },
)
