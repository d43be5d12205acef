/** The topics that coordinators keep what they know in. */
export const offsetsTopic = '__consumer_offsets'
export const transactionTopic = '__transaction_state'
export const shareStateTopic = '__share_group_state'

export function isInternalTopic(name: string): boolean {
  return name === offsetsTopic || name === transactionTopic || name === shareStateTopic
}
