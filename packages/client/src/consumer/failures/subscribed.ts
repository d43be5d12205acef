import type { ResolvedConsumerOptions } from '../options.ts'
import { isRe2, matchesRe2 } from '../topic-selector.ts'

/** Whether a consumer with these options reads the topic, now or once it exists. */
export function isSubscribed(
  { topics, assign }: Pick<ResolvedConsumerOptions, 'topics' | 'assign'>,
  topic: string,
): boolean {
  if (assign.some((one) => one.topic === topic)) return true
  return topics.some((selector) => {
    if (typeof selector === 'string') return selector === topic
    if (isRe2(selector)) return matchesRe2(selector, topic)
    // A sticky or global pattern would keep its last index.
    return new RegExp(selector.source, selector.flags.replace(/[gy]/g, '')).test(topic)
  })
}
