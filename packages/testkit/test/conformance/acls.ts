import { pbkdf2Sync } from 'node:crypto'
import { AlterUserScramCredentials, type Api, CreateAcls, DeleteAcls, DescribeAcls } from '@ottla/codec'
import { blank, type Struct } from '../../src/messages/blank.ts'
import { clusterName, operations, patternTypes, permissionTypes, resourceTypes } from '../../src/state/rights/acl.ts'
import type { User } from '../support/login.ts'
import type { Wire } from '../support/wire.ts'
import type { Stage } from './stage.ts'

/** No superuser: bob may access resources without ACLs, and other resources as their ACLs allow. */
const bob: User = { name: 'bob', password: 'bob-secret-1', mechanism: 'SCRAM-SHA-256' }

export interface Denial {
  readonly type: 'TOPIC' | 'GROUP' | 'CLUSTER' | 'TRANSACTIONAL_ID' | 'USER'
  readonly name: string
  /** Default: all. */
  readonly operation?: keyof typeof operations
}

export const theCluster: Denial = { type: 'CLUSTER', name: clusterName }

const version = 3
const scramSha256 = 1
const scramIterations = 4096
const principal = 'User:bob'
const { ANY } = resourceTypes

/** A connection to broker 1 as bob, who is created if missing. */
export async function openBob(stage: Stage): Promise<Wire> {
  const known = await tryBob(stage)
  if (known !== undefined) return known
  const salt = Buffer.from('salt of bob')
  const saltedPassword = pbkdf2Sync(bob.password, salt, scramIterations, 32, 'sha256')
  const upsertion = { name: bob.name, mechanism: scramSha256, iterations: scramIterations, salt, saltedPassword }
  await stage.do(AlterUserScramCredentials, 0, { deletions: [], upsertions: [upsertion] })
  const made: Wire[] = []
  await stage.until('bob', async () => {
    const wire = await tryBob(stage)
    if (wire !== undefined) made.push(wire)
    return wire !== undefined
  })
  return made[0] ?? stage.wire
}

async function tryBob(stage: Stage): Promise<Wire | undefined> {
  try {
    return await stage.open({ user: bob })
  } catch {
    return undefined
  }
}

/** A filter for the ACLs of one resource. */
export function aclsOf({ type, name }: Pick<Denial, 'type' | 'name'>) {
  return {
    resourceTypeFilter: resourceTypes[type],
    resourceNameFilter: name,
    patternTypeFilter: patternTypes.ANY,
    principalFilter: null,
    hostFilter: null,
    operation: ANY,
    permissionType: ANY,
  }
}

/** Denies operations to bob on all brokers while `act` runs. */
export async function withDenied(stage: Stage, denials: readonly Denial[], act: () => Promise<void>): Promise<void> {
  const creations = denials.map(({ type, name, operation = 'ALL' }) => ({
    resourceType: resourceTypes[type],
    resourceName: name,
    resourcePatternType: patternTypes.LITERAL,
    principal,
    host: '*',
    operation: operations[operation],
    permissionType: permissionTypes.DENY,
  }))
  await stage.do(CreateAcls, version, { creations })
  try {
    for (let broker = 1; broker <= stage.target.plaintext.length; broker++) {
      const on = await stage.open({ broker })
      for (const denial of denials) await known(stage, denial, true, on, principal)
    }
    await act()
  } finally {
    await stage.do(DeleteAcls, version, {
      filters: denials.map((denial) => ({ ...aclsOf(denial), principalFilter: principal })),
    })
    for (const denial of denials) await known(stage, denial, false, stage.wire, principal)
  }
}

/** Resolves when a broker has ACLs of a resource, or no longer has them. */
export function known(
  stage: Stage,
  denial: Denial,
  isThere: boolean,
  on: Wire,
  principalFilter: string | null = null,
): Promise<void> {
  return stage.until(`ACLs of ${denial.name}`, async () => {
    const { resources } = await stage.do(DescribeAcls, version, { ...aclsOf(denial), principalFilter }, { on })
    return resources.length > 0 === isThere
  })
}

/** A request with only the fields of its version; missing fields have their defaults. */
export function inVersion(fields: Api['request']['fields'], apiVersion: number, given: Struct): Struct {
  const request = blank(fields, apiVersion)
  for (const [name, value] of Object.entries(given)) {
    const field = fields[name]
    if (!(name in request) || field === undefined) continue
    const elements = field.element?.fields
    const isList = Array.isArray(value) && elements !== undefined
    request[name] = isList ? value.map((each) => inVersion(elements, apiVersion, each as Struct)) : value
  }
  return request
}
