/** The topics in which coordinators store their state. */
export const offsetsTopic = '__consumer_offsets'
export const transactionTopic = '__transaction_state'
export const shareStateTopic = '__share_group_state'

export function isInternalTopic(name: string): boolean {
  return name === offsetsTopic || name === transactionTopic || name === shareStateTopic
}
