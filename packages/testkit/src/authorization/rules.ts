import type { Rule } from './rule.ts'
import { adminRules } from './rules-admin.ts'
import { groupRules } from './rules-groups.ts'
import { recordRules } from './rules-records.ts'

/** APIs without a rule: they need no rights, or their handler makes all checks. */
export const withoutRule: Readonly<Record<string, 'none' | 'handler'>> = {
  ApiVersions: 'none',
  SaslHandshake: 'none',
  SaslAuthenticate: 'none',
  GetTelemetrySubscriptions: 'none',
  PushTelemetry: 'none',
  // The token's owner and renewers may change it; the controller checks that.
  RenewDelegationToken: 'none',
  ExpireDelegationToken: 'none',
  Fetch: 'handler',
  Metadata: 'handler',
  OffsetFetch: 'handler',
  DescribeTopicPartitions: 'handler',
}

const rules: Readonly<Record<string, Rule>> = { ...recordRules, ...groupRules, ...adminRules }

/** The rights that an API needs. */
export function ruleOf(api: string): Rule | undefined {
  return Object.hasOwn(rules, api) ? rules[api] : undefined
}
