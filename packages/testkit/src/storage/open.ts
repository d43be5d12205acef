import type { Runtime } from '@ottla/codec/runtime'
import type { ResolvedOptions } from '../options.ts'
import { levelsOf } from '../releases.ts'
import { DataDirectory } from './data-directory.ts'

/** The directory that the options name; undefined where everything is in memory. */
export function dataDirectoryOf(
  { data, brokers, onDiagnostic, release }: ResolvedOptions,
  runtime: Runtime,
  newClusterId: string,
): DataDirectory | undefined {
  const features = release && levelsOf(release)
  return data && DataDirectory.open({ ...data, brokers, runtime, newClusterId, features, onProblem: onDiagnostic })
}
