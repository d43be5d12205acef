import { type Acl, type AclFilter, aclKey, matchesFilter, patternTypes, wildcard } from './acl.ts'

/** The ACLs of one resource type, by pattern type. */
interface OfType {
  readonly literal: Map<string, Acl[]>
  readonly prefixed: Acl[]
}

/** All ACLs. Immutable: a change creates a new image. */
export class AclImage {
  readonly #acls: ReadonlyMap<string, Acl>
  readonly #byType = new Map<number, OfType>()

  constructor(acls: Iterable<Acl> = []) {
    this.#acls = new Map(Array.from(acls, (acl) => [aclKey(acl), acl]))
    for (const acl of this.#acls.values()) this.#index(acl)
  }

  has(acl: Acl): boolean {
    return this.#acls.has(aclKey(acl))
  }

  /** In order of creation. */
  all(): Iterable<Acl> {
    return this.#acls.values()
  }

  matching(filter: AclFilter): Acl[] {
    return [...this.#acls.values()].filter((acl) => matchesFilter(filter, acl))
  }

  /** The ACLs that apply to one resource. */
  *covering(resourceType: number, name: string): Iterable<Acl> {
    const ofType = this.#byType.get(resourceType)
    if (ofType === undefined) return
    yield* ofType.literal.get(name) ?? []
    if (name !== wildcard) yield* ofType.literal.get(wildcard) ?? []
    for (const acl of ofType.prefixed) if (name.startsWith(acl.resourceName)) yield acl
  }

  ofType(resourceType: number): Acl[] {
    const ofType = this.#byType.get(resourceType)
    return ofType === undefined ? [] : [...[...ofType.literal.values()].flat(), ...ofType.prefixed]
  }

  #index(acl: Acl): void {
    const { resourceType, resourceName, patternType } = acl
    const ofType = this.#byType.get(resourceType) ?? { literal: new Map<string, Acl[]>(), prefixed: [] }
    this.#byType.set(resourceType, ofType)
    if (patternType === patternTypes.PREFIXED) {
      ofType.prefixed.push(acl)
      return
    }
    const named = ofType.literal.get(resourceName)
    if (named === undefined) ofType.literal.set(resourceName, [acl])
    else named.push(acl)
  }
}

export const noAcls = new AclImage()
