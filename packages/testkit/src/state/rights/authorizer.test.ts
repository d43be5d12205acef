import { expect, test } from 'vitest'
import { BrokerConfig } from '../configs/broker-config.ts'
import { type Acl, type Operation, operations, patternTypes, permissionTypes, resourceTypes } from './acl.ts'
import { AclImage } from './acl-image.ts'
import { Authorizer, authorizerOf } from './authorizer.ts'

type AclFields = Partial<Acl> & { readonly can?: keyof typeof operations; readonly cannot?: keyof typeof operations }

function acl({ can, cannot, ...more }: AclFields): Acl {
  return {
    resourceType: resourceTypes.TOPIC,
    resourceName: 'orders',
    patternType: patternTypes.LITERAL,
    principal: 'User:bob',
    host: '*',
    operation: operations[can ?? cannot ?? 'ALL'],
    permissionType: cannot === undefined ? permissionTypes.ALLOW : permissionTypes.DENY,
    ...more,
  }
}

const closed = new Authorizer({ superUsers: ['User:alice'], allowEveryoneIfNoAclFound: false })
const open = new Authorizer({ superUsers: [], allowEveryoneIfNoAclFound: true })
const bob = { principal: 'User:bob', host: '10.0.0.1' }

/** The operations bob may perform on the topic `orders`. */
function allowed(authorizer: Authorizer, ...acls: readonly AclFields[]): Operation[] {
  const image = new AclImage(acls.map(acl))
  const operationNames = [
    'READ',
    'WRITE',
    'CREATE',
    'DELETE',
    'ALTER',
    'DESCRIBE',
    'DESCRIBE_CONFIGS',
    'ALTER_CONFIGS',
  ] as const
  return operationNames.filter((operation) => authorizer.authorize(image, bob, operation, 'TOPIC', 'orders'))
}

test('without an ACL the default applies', () => {
  expect(allowed(closed)).toEqual([])
  expect(allowed(open)).toHaveLength(8)
})

test('one ACL of a resource denies it to every other principal', () => {
  expect(allowed(open, { principal: 'User:carol', can: 'READ' })).toEqual([])
  expect(allowed(open, { principal: 'User:carol', cannot: 'READ' })).toEqual([])
  expect(allowed(open, { resourceName: 'other', can: 'READ' })).toHaveLength(8)
  expect(allowed(open, { resourceType: resourceTypes.GROUP, can: 'READ' })).toHaveLength(8)
})

test.each([
  ['READ', ['READ', 'DESCRIBE']],
  ['WRITE', ['WRITE', 'DESCRIBE']],
  ['DELETE', ['DELETE', 'DESCRIBE']],
  ['ALTER', ['ALTER', 'DESCRIBE']],
  ['CREATE', ['CREATE']],
  ['ALTER_CONFIGS', ['DESCRIBE_CONFIGS', 'ALTER_CONFIGS']],
] as const)('the right to %s implies the documented others', (can, expected) => {
  expect(allowed(closed, { can })).toEqual(expected)
})

test('a denial overrides every permission, and implies no other denial', () => {
  expect(allowed(closed, { can: 'ALL' }, { cannot: 'READ' })).not.toContain('READ')
  expect(allowed(closed, { can: 'READ' }, { cannot: 'READ' })).toEqual(['DESCRIBE'])
  expect(allowed(closed, { can: 'ALL' }, { cannot: 'ALL', principal: 'User:*' })).toEqual([])
  expect(allowed(closed, { can: 'READ' }, { cannot: 'DESCRIBE', resourceName: '*' })).toEqual(['READ'])
})

test('resource names are literal, a prefix or the wildcard', () => {
  const { PREFIXED } = patternTypes
  expect(allowed(closed, { resourceName: 'ord', can: 'READ' })).toEqual([])
  expect(allowed(closed, { resourceName: 'ord', patternType: PREFIXED, can: 'READ' })).toEqual(['READ', 'DESCRIBE'])
  expect(allowed(closed, { resourceName: '*', can: 'READ' })).toEqual(['READ', 'DESCRIBE'])
  // In a prefix the asterisk is an ordinary character.
  expect(allowed(closed, { resourceName: '*', patternType: PREFIXED, can: 'READ' })).toEqual([])
})

test('hosts and principals are exact or the wildcard', () => {
  expect(allowed(closed, { host: '10.0.0.1', can: 'CREATE' })).toEqual(['CREATE'])
  expect(allowed(closed, { host: '10.0.0.2', can: 'CREATE' })).toEqual([])
  expect(allowed(closed, { principal: 'User:*', can: 'CREATE' })).toEqual(['CREATE'])
  expect(allowed(closed, { principal: 'User:bo', can: 'CREATE' })).toEqual([])
})

test('a super user may perform every operation', () => {
  const alice = { principal: 'User:alice', host: '10.0.0.1' }
  const image = new AclImage([acl({ cannot: 'ALL', principal: 'User:*' })])
  expect(closed.authorize(image, alice, 'DELETE', 'TOPIC', 'orders')).toBe(true)
  expect(closed.authorizeAny(image, alice, 'WRITE', 'TOPIC')).toBe(true)
})

test.each([
  [true, [{ can: 'WRITE' }]],
  [false, [{ can: 'READ' }]],
  [false, [{ can: 'WRITE' }, { cannot: 'WRITE' }]],
  [true, [{ can: 'WRITE' }, { cannot: 'WRITE', resourceName: 'other' }]],
  [false, [{ can: 'WRITE' }, { cannot: 'WRITE', resourceName: 'or', patternType: patternTypes.PREFIXED }]],
  [false, [{ can: 'WRITE' }, { cannot: 'ALL', resourceName: '*' }]],
  [true, [{ can: 'WRITE', resourceName: '*' }, { cannot: 'WRITE' }]],
] as const)('reports whether writing is allowed for any topic: %s by %j', (expected, acls) => {
  const image = new AclImage(acls.map((each) => acl(each)))
  expect(closed.authorizeAny(image, bob, 'WRITE', 'TOPIC')).toBe(expected)
})

test('the configs decide whether there is an authorizer', () => {
  const className = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'
  expect(authorizerOf(new BrokerConfig())).toBeUndefined()
  expect(authorizerOf(new BrokerConfig({ 'authorizer.class.name': className }))).toBeInstanceOf(Authorizer)
  expect(() => authorizerOf(new BrokerConfig({ 'authorizer.class.name': 'Mine' }))).toThrow(TypeError)
  const withoutType = { 'authorizer.class.name': className, 'super.users': 'alice' }
  expect(() => authorizerOf(new BrokerConfig(withoutType))).toThrow('User:name')
})
