import { CreateAcls, DeleteAcls, DescribeAcls, DescribeTopicPartitions } from '@ottla/codec'
import { aclsOf, known, openBob, theCluster, withDenied } from '../acls.ts'
import { conformance } from '../case.ts'
import type { Stage } from '../stage.ts'

const aclOn = (name: string) => ({
  resourceType: 2,
  resourceName: name,
  resourcePatternType: 3,
  principal: 'User:bob',
  host: '*',
  operation: 3,
  permissionType: 3,
})

const filterOf = (name: string) => ({ ...aclsOf({ type: 'TOPIC', name }), resourceTypeFilter: 1 })

async function clean(stage: Stage, name: string): Promise<void> {
  await stage.do(DeleteAcls, 3, { filters: [filterOf(name)] })
}

export const createAcls = conformance(CreateAcls, {
  async valid(stage) {
    const name = stage.name('topic')
    const acl = aclOn(name)
    await stage.ask('one', { creations: [acl] })
    await stage.ask('the same again', { creations: [acl] })
    await stage.ask('several, one twice', {
      creations: [
        { ...acl, permissionType: 2 },
        { ...acl, operation: 2 },
        { ...acl, operation: 2 },
        { ...acl, resourcePatternType: 4, host: '127.0.0.1' },
      ],
    })
    await stage.ask('of all types', {
      creations: [
        { ...acl, resourceType: 3 },
        { ...acl, resourceType: 5, operation: 15 },
        { ...acl, resourceType: 6, operation: 8 },
        { ...acl, resourceType: 7, operation: 13 },
      ],
    })
    await stage.ask('operations that make no sense there', { creations: [{ ...acl, resourceType: 7, operation: 4 }] })
    await stage.ask('strange principals and hosts', {
      creations: [
        { ...acl, principal: 'Group:x' },
        { ...acl, principal: ':' },
        { ...acl, host: '' },
        { ...acl, host: 'no host' },
      ],
    })
    await stage.ask('none', { creations: [] })
    await stage.until('ACLs', async () => {
      const { resources } = await stage.do(DescribeAcls, 3, { ...filterOf(name), hostFilter: 'no host' })
      return resources.length === 1
    })
    await stage.note('are there', DescribeAcls, 3, filterOf(name))
    await clean(stage, name)
  },
  async invalid(stage) {
    const acl = aclOn(stage.name('topic'))
    const wrong: [label: string, creation: Partial<typeof acl>][] = [
      ['any type', { resourceType: 1 }],
      ['an unknown type', { resourceType: 99 }],
      ['any pattern', { resourcePatternType: 1 }],
      ['a pattern of filters', { resourcePatternType: 2 }],
      ['an unknown pattern', { resourcePatternType: 99 }],
      ['any operation', { operation: 1 }],
      ['an unknown operation', { operation: 99 }],
      ['any permission', { permissionType: 1 }],
      ['an unknown permission', { permissionType: 99 }],
      ['an empty name', { resourceName: '' }],
      ['another name of the cluster', { resourceType: 4 }],
      ['a principal without a type', { principal: 'bob' }],
      ['no principal', { principal: '' }],
      ['several mistakes', { resourceType: 4, resourceName: '', principal: 'bob' }],
    ]
    for (const [label, creation] of wrong) await stage.ask(label, { creations: [{ ...acl, ...creation }] })
    await stage.ask('right and wrong ones', { creations: [acl, { ...acl, principal: 'bob' }] })
    await stage.ask('one that only a filter may be', { creations: [acl, { ...acl, resourceType: 1 }] })
    await stage.ask('no type', { creations: [{ ...acl, resourceType: 0 }] }, { on: await stage.open() })
    await stage.ask('no permission', { creations: [{ ...acl, permissionType: 0 }] }, { on: await stage.open() })
    await clean(stage, acl.resourceName)
  },
  async wrongState(stage) {
    const name = stage.name('topic')
    await stage.createTopic(name)
    const on = await openBob(stage)
    const body = { topics: [{ name }], responsePartitionLimit: 1, cursor: null }
    const mayDescribe = async () => {
      const { topics } = await stage.do(DescribeTopicPartitions, 0, body, { on })
      return topics[0]?.errorCode === 0
    }
    await stage.note('he may all', DescribeTopicPartitions, 0, body, { on })
    await stage.ask('closes the topic', { creations: [{ ...aclOn(name), principal: 'User:carol' }] })
    await known(stage, { type: 'TOPIC', name }, true, stage.wire)
    await stage.note('he may nothing', DescribeTopicPartitions, 0, body, { on })
    await stage.ask('opens it for reading', { creations: [aclOn(name)] })
    await stage.until('the ACL', mayDescribe)
    await stage.note('he may read', DescribeTopicPartitions, 0, body, { on })
    await stage.ask('but not from here', { creations: [{ ...aclOn(name), host: '127.0.0.1', permissionType: 2 }] })
    await stage.ask('and not describe', { creations: [{ ...aclOn(name), operation: 8, permissionType: 2 }] })
    await stage.until('the ACL', async () => !(await mayDescribe()))
    await stage.note('he may not even describe', DescribeTopicPartitions, 0, body, { on })
    await clean(stage, name)
  },
})

export const createAclsDenied = conformance(
  CreateAcls,
  {
    async wrongState(stage) {
      await withDenied(stage, [theCluster], async () => {
        const on = await openBob(stage)
        const creations = [aclOn(stage.name('t')), aclOn(stage.name('u'))]
        await stage.ask('by who may not alter the cluster', { creations }, { on })
      })
    },
  },
  { alone: true },
)
