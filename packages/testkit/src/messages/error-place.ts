/** Lists that hold the lists of entities: groups with topics, transactions with topics. */
export interface OuterPlace {
  /** `item`: rules cannot name it. */
  readonly kind: 'group' | 'transaction' | 'item'
  readonly request: string
  readonly requestName: string
  /** Undefined when the response lists the inner entities of all outer ones together. */
  readonly response: string | undefined
  readonly responseName: string
}

/** Where a request lists its entities, and where the response lists their results. */
export interface EntityPlace {
  /** `item`: rules cannot name it. */
  readonly kind: 'topic' | 'group' | 'transaction' | 'resource' | 'key' | 'item'
  /** The list in the request; undefined when only the response lists the entities. */
  readonly request: string | undefined
  /** The name in the list's elements; undefined when the elements are the names. */
  readonly requestName: string | undefined
  readonly response: string
  /** Undefined when the results have no name and are in the order of the request. */
  readonly responseName: string | undefined
  /** Further fields that a result repeats from the request. */
  readonly repeats?: readonly string[]
  /** The lists above are inside the elements of another list. */
  readonly within?: OuterPlace
  /** For APIs with an error per partition. */
  readonly partitions?: {
    /** Undefined when only the response lists the partitions. */
    readonly request: string | undefined
    /** Undefined when the elements are the partition numbers. */
    readonly requestIndex: string | undefined
    readonly response: string
    readonly responseIndex: string
    /** Default 'errorCode'. */
    readonly errorField?: string
  }
}

/** A place of errors in versions `min` to `max`: at the entities, or at the top level of the response. */
export interface ErrorPlace {
  readonly min?: number
  readonly max?: number
  readonly entities?: EntityPlace
}

export interface ApiPlaces {
  /** The places of a version, the default first, the one with the smallest entities last. */
  readonly places: readonly ErrorPlace[]
  /** The API changes nothing, so an error before or after its work is the same. */
  readonly readsOnly: boolean
  /** What a request belongs to besides its entities. */
  readonly owners?: readonly ('group' | 'transaction')[]
}
