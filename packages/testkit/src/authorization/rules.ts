import type { Rule } from './rule.ts'
import { adminRules } from './rules-admin.ts'
import { groupRules } from './rules-groups.ts'
import { recordRules } from './rules-records.ts'

/** Whoever is connected may ask these, or the handler does all the asking. */
export const withoutRule: Readonly<Record<string, 'nothing' | 'handler'>> = {
  ApiVersions: 'nothing',
  SaslHandshake: 'nothing',
  SaslAuthenticate: 'nothing',
  GetTelemetrySubscriptions: 'nothing',
  PushTelemetry: 'nothing',
  // Whose token it is says who may change it.
  RenewDelegationToken: 'nothing',
  ExpireDelegationToken: 'nothing',
  Fetch: 'handler',
  Metadata: 'handler',
  OffsetFetch: 'handler',
  DescribeTopicPartitions: 'handler',
}

const rules: Readonly<Record<string, Rule>> = { ...recordRules, ...groupRules, ...adminRules }

/** What an API needs rights for. */
export function ruleOf(api: string): Rule | undefined {
  return Object.hasOwn(rules, api) ? rules[api] : undefined
}
