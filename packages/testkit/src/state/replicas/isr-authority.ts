import type { ErrorName } from '@ottla/codec'
import type { PartitionImage } from '../metadata-view.ts'

/** A leader's proposal of another ISR (AlterPartition). */
export interface IsrRequest {
  readonly brokerId: number
  readonly topicId: string
  readonly partition: number
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  readonly isr: readonly number[]
}

export type IsrOutcome = { readonly error: ErrorName } | { readonly error: undefined; readonly image: PartitionImage }

/** Decides which replicas are in sync: the controller, as leaders see it. */
export interface IsrAuthority {
  alterIsr(request: IsrRequest): IsrOutcome
}
