/** The protocol of a listener, by Kafka's names. */
export type SecurityProtocol = 'PLAINTEXT' | 'SASL_PLAINTEXT' | 'SSL' | 'SASL_SSL'

export const securityProtocols: ReadonlySet<string> = new Set<SecurityProtocol>([
  'PLAINTEXT',
  'SASL_PLAINTEXT',
  'SSL',
  'SASL_SSL',
])

export function requiresSasl(protocol: SecurityProtocol): boolean {
  return protocol.startsWith('SASL_')
}

export function isEncrypted(protocol: SecurityProtocol): boolean {
  return protocol.endsWith('SSL')
}
