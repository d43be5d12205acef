import type { Runtime } from '@ottla/codec/runtime'
import type { ResolvedOptions } from '../options.ts'
import { DataDirectory } from './data-directory.ts'

/** The directory that the options name; undefined where everything is in memory. */
export function dataDirectoryOf(
  { data, brokers, onDiagnostic }: ResolvedOptions,
  runtime: Runtime,
  newClusterId: string,
): DataDirectory | undefined {
  return data && DataDirectory.open({ ...data, brokers, runtime, newClusterId, onProblem: onDiagnostic })
}
