import type { Api } from '@ottla/codec'
import type { Struct } from '../../../src/messages/blank.ts'

/** The resources of requests: bob is denied `denied`, `missing`, `group` and `transaction`, but not `open`. */
export interface Names {
  readonly denied: string
  readonly deniedId: string
  readonly open: string
  readonly openId: string
  readonly missing: string
  /** A missing topic that bob may not create. */
  readonly fresh: string
  readonly group: string
  readonly transaction: string
}

/** Undefined where the version cannot express it. */
export type Body = (names: Names, version: number) => Struct | undefined
export type Asks = Readonly<Record<string, Body>>

/** An unknown topic id. */
export const noId = 'AAAAAAAAAAAAAAAAAAAAAQ'
export const member = 'AAAAAAAAAAAAAAAAAAAAAg'

/** The same for three topics. */
export const topics = (
  { denied, deniedId, open, openId, missing }: Names,
  of: (name: string, topicId: string) => Struct,
) => [of(denied, deniedId), of(open, openId), of(missing, noId)]

/** The requests of one API. */
export type Denied = readonly (readonly [api: Api, asks: Asks])[]
