import { SHARE_STATE_TOPIC } from './shares/share-state-records.ts'

export const offsetsTopic = '__consumer_offsets'
export const transactionTopic = '__transaction_state'

export function isInternalTopic(name: string): boolean {
  return name === offsetsTopic || name === transactionTopic || name === SHARE_STATE_TOPIC
}
