import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestCluster } from './cluster/cluster.ts'

/** For clients: the authority to trust in `ca.pem`, and an identity that it has issued in `client.pem` and `client.key`. */
export async function writeTlsFiles(cluster: TestCluster, directory: string): Promise<void> {
  const client = await cluster.clientCertificate('CN=client')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'ca.pem'), cluster.ca)
  writeFileSync(join(directory, 'client.pem'), client.cert)
  writeFileSync(join(directory, 'client.key'), client.key, { mode: 0o600 })
}
