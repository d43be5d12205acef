import type { Api } from '@ottla/codec'
import type { Struct } from '../../../src/messages/blank.ts'

/** What requests are about: `denied`, `missing`, `group` and `transaction` are closed to bob, `open` is not. */
export interface Names {
  readonly denied: string
  readonly deniedId: string
  readonly open: string
  readonly openId: string
  readonly missing: string
  /** Not there, and closed only to be created. */
  readonly fresh: string
  readonly group: string
  readonly transaction: string
}

/** Undefined where the version has no way to ask it. */
export type Body = (names: Names, version: number) => Struct | undefined
export type Asks = Readonly<Record<string, Body>>

/** An id that no topic has. */
export const noId = 'AAAAAAAAAAAAAAAAAAAAAQ'
export const member = 'AAAAAAAAAAAAAAAAAAAAAg'

/** The same of three topics. */
export const topics = (
  { denied, deniedId, open, openId, missing }: Names,
  of: (name: string, topicId: string) => Struct,
) => [of(denied, deniedId), of(open, openId), of(missing, noId)]

/** What one API is asked. */
export type Denied = readonly (readonly [api: Api, asks: Asks])[]
