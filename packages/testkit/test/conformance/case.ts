import { readdirSync } from 'node:fs'
import type { Api } from '@ottla/codec'
import type { Stage } from './stage.ts'

/** What one API is asked in one version, on a stage of its own. */
export type Part<A extends Api = Api> = (stage: Stage<A>, version: number) => Promise<void>

export const partNames = ['valid', 'invalid', 'wrongState'] as const
export type PartName = (typeof partNames)[number]

export interface Parts<P> {
  /** Requests that succeed. */
  readonly valid?: P
  /** Requests that are wrong in themselves. */
  readonly invalid?: P
  /** Right requests at a wrong time: of what is unknown, deleted, fenced, elsewhere. */
  readonly wrongState?: P
}

/** The steps of one API. Several cases of one API are played one after the other, each part as one. */
export interface Case extends Parts<Part> {
  readonly api: Api
  /** It changes what holds for the whole cluster: nothing else is played beside it. */
  readonly alone: boolean
}

export function conformance<A extends Api>(
  api: A,
  parts: Parts<Part<A>>,
  { alone = false }: { readonly alone?: boolean } = {},
): Case {
  // A list holds cases of different APIs; a part is only ever called with a stage of its own API.
  return { api, alone, ...(parts as unknown as Parts<Part>) }
}

/** All that the files of `cases` export: cases, and lists of them. */
export async function loadCases(): Promise<readonly Case[]> {
  const folder = new URL('./cases/', import.meta.url)
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .sort()
  const modules = await Promise.all(files.map((file): Promise<object> => import(new URL(file, folder).href)))
  return modules.flatMap((module) => Object.values(module).flat()).filter(isCase)
}

const isCase = (value: unknown): value is Case =>
  typeof value === 'object' && value !== null && 'api' in value && 'alone' in value
