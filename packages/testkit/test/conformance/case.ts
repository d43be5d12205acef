import { readdirSync } from 'node:fs'
import type { Api } from '@ottla/codec'
import type { Stage } from './stage.ts'

/** The steps of one API in one version, on their own stage. */
export type Part<A extends Api = Api> = (stage: Stage<A>, version: number) => Promise<void>

export const partNames = ['valid', 'invalid', 'wrongState'] as const
export type PartName = (typeof partNames)[number]

export interface Parts<P> {
  /** Requests that succeed. */
  readonly valid?: P
  /** Invalid requests. */
  readonly invalid?: P
  /** Valid requests in a wrong state: about something unknown, deleted, fenced or on another broker. */
  readonly wrongState?: P
}

/** The steps of one API. Several cases of one API run one after the other, and their parts are merged. */
export interface Case extends Parts<Part> {
  readonly api: Api
  /** It changes cluster-wide state, so nothing else runs at the same time. */
  readonly alone: boolean
}

export function conformance<A extends Api>(
  api: A,
  parts: Parts<Part<A>>,
  { alone = false }: { readonly alone?: boolean } = {},
): Case {
  // A list contains cases of different APIs, but a part is called only with a stage of its own API.
  return { api, alone, ...(parts as unknown as Parts<Part>) }
}

/** All cases (and lists of cases) that the files of `cases` export. */
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
