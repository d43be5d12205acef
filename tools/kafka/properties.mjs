// The files of a node: server.properties and formatted storage.

import { randomBytes } from 'node:crypto'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runJava } from './java.mjs'
import { listenerOffsets, portsPerNode } from './ports.mjs'
import { releases } from './releases.mjs'
import { zooKeeperProperties } from './zookeeper.mjs'

/** @typedef {import('./index.d.mts').KafkaAddresses} KafkaAddresses */
/**
 * @typedef {object} Layout
 * @property {string} dir
 * @property {number} nodes
 * @property {number} port first port of the first node
 * @property {Readonly<Record<string, string | number | boolean>>} config
 * @property {import('./index.d.mts').ReleaseName} release
 */

/** The same for every listener and mechanism: `alice` / `alice-secret`. */
const user = { name: 'alice', password: 'alice-secret' }
const scramMechanisms = ['SCRAM-SHA-256', 'SCRAM-SHA-512']
/** Accepts unsigned tokens of any principal. */
const bearer =
  'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";'
const protocols = { PLAINTEXT: 'PLAINTEXT', SASL_PLAINTEXT: 'SASL_PLAINTEXT', SASL_SSL: 'SASL_SSL', SSL: 'SSL' }

/** @param {Layout} layout @param {number} id @param {keyof typeof listenerOffsets} listener */
export function portOf(layout, id, listener) {
  return layout.port + portsPerNode * (id - 1) + listenerOffsets[listener]
}

/** @param {Layout} layout */
export function idsOf(layout) {
  return Array.from({ length: layout.nodes }, (_, index) => index + 1)
}

/** @param {Layout} layout @param {number} id */
export const nodeFolder = (layout, id) => join(layout.dir, `node${id}`)
/** @param {Layout} layout @param {number} id */
export const propertiesFile = (layout, id) => join(nodeFolder(layout, id), 'server.properties')

/** @returns {Record<string, string>} */
function saslProperties() {
  const logins = { plain: 'plain.PlainLoginModule', scram: 'scram.ScramLoginModule' }
  /** @type {Record<string, string>} */
  const properties = { 'sasl.enabled.mechanisms': ['PLAIN', ...scramMechanisms, 'OAUTHBEARER'].join(',') }
  for (const listener of ['sasl_plaintext', 'sasl_ssl']) {
    const prefix = `listener.name.${listener}`
    properties[`${prefix}.plain.sasl.jaas.config`] =
      `org.apache.kafka.common.security.${logins.plain} required user_${user.name}="${user.password}";`
    properties[`${prefix}.oauthbearer.sasl.jaas.config`] = bearer
    for (const mechanism of scramMechanisms) {
      properties[`${prefix}.${mechanism.toLowerCase()}.sasl.jaas.config`] =
        `org.apache.kafka.common.security.${logins.scram} required;`
    }
  }
  return properties
}

/** @param {string} dir @returns {Record<string, string>} */
function tlsProperties(dir) {
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': join(dir, 'broker.pem'),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': join(dir, 'ca.pem'),
    'listener.name.ssl.ssl.client.auth': 'requested',
    'listener.name.wronghost.ssl.keystore.type': 'PEM',
    'listener.name.wronghost.ssl.keystore.location': join(dir, 'wrong-host.pem'),
  }
}

/** @param {Layout} layout @param {number} id @returns {Record<string, string>} */
function listenerProperties(layout, id) {
  const map = { ...protocols, WRONGHOST: 'SSL', CONTROLLER: 'PLAINTEXT' }
  const names = /** @type {(keyof typeof map)[]} */ (Object.keys(map))
  const addresses = names.map((name) => `${name}://127.0.0.1:${portOf(layout, id, name)}`)
  return {
    'controller.quorum.voters': idsOf(layout)
      .map((n) => `${n}@127.0.0.1:${portOf(layout, n, 'CONTROLLER')}`)
      .join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: addresses.join(','),
    'advertised.listeners': addresses.filter((address) => !address.startsWith('CONTROLLER')).join(','),
    'listener.security.protocol.map': names.map((name) => `${name}:${map[name]}`).join(','),
  }
}

/** @param {Layout} layout @param {number} id */
function serverProperties(layout, id) {
  const copies = Math.min(layout.nodes, 3)
  return linesOf({
    'broker.rack': `rack-${id}`,
    'log.dirs': join(nodeFolder(layout, id), 'data'),
    'default.replication.factor': copies,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.num.partitions': 8,
    'transaction.state.log.min.isr': Math.min(copies, 2),
    'min.insync.replicas': 1,
    'group.initial.rebalance.delay.ms': 0,
    // So that a test need not wait long for a member that crashed.
    'group.min.session.timeout.ms': 500,
    ...(releases[layout.release].hasZooKeeper ? zooKeeperProperties(layout, id) : kraftProperties(layout, id, copies)),
    ...layout.config,
  })
}

/** @param {Layout} layout @param {number} id @param {number} copies */
function kraftProperties(layout, id, copies) {
  return {
    'process.roles': 'broker,controller',
    'node.id': id,
    ...listenerProperties(layout, id),
    ...saslProperties(),
    ...tlsProperties(layout.dir),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': true,
    'super.users': `User:ANONYMOUS;User:${user.name}`,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.num.partitions': 8,
    'share.coordinator.state.topic.min.isr': Math.min(copies, 2),
    'delegation.token.secret.key': 'ottla-secret',
    // The leaders of a killed broker move within these times.
    'broker.heartbeat.interval.ms': 500,
    'broker.session.timeout.ms': 3000,
  }
}

/** @param {Record<string, string | number | boolean>} properties */
function linesOf(properties) {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** 16 bytes as Kafka writes them; the first character is a letter, so that no tool parses it as an option. */
const randomId = () => `K${randomBytes(16).toString('base64url').slice(1)}`

/**
 * Writes the files of all nodes. Kafka formats the first node's storage; the others differ only in their ids.
 * @param {Layout} layout
 */
export async function writeNodes(layout) {
  const [first, ...others] = idsOf(layout)
  if (first === undefined) throw new Error('a cluster has at least one broker')
  for (const id of [first, ...others]) {
    await mkdir(nodeFolder(layout, id), { recursive: true })
    await writeFile(propertiesFile(layout, id), serverProperties(layout, id))
  }
  if (releases[layout.release].hasZooKeeper) return
  const clusterId = randomId()
  const scram = scramMechanisms.flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=${user.name},password=${user.password}]`,
  ])
  const format = ['format', '-t', clusterId, '-c', propertiesFile(layout, first), ...scram]
  const done = await runJava('kafka.tools.StorageTool', format, { release: layout.release })
  if (done.code !== 0) throw new Error(`Kafka cannot format its storage: ${done.stdout}${done.stderr}`)
  const meta = await readFile(join(nodeFolder(layout, first), 'data', 'meta.properties'), 'utf8')
  for (const id of others) {
    const data = join(nodeFolder(layout, id), 'data')
    await cp(join(nodeFolder(layout, first), 'data'), data, { recursive: true })
    const directoryId = randomId()
    await writeFile(
      join(data, 'meta.properties'),
      meta.replace(/^node\.id=.*$/m, `node.id=${id}`).replace(/^directory\.id=.*$/m, `directory.id=${directoryId}`),
    )
  }
}

/**
 * @param {Layout} layout
 * @param {ReturnType<typeof import('./certificates.mjs').makeCertificates>} certificates
 */
export async function writeCertificates(layout, certificates) {
  const { ca, broker, wrongHost, client } = certificates
  const files = {
    'ca.pem': ca.certPem,
    'broker.pem': broker.keyPem + broker.certPem,
    'wrong-host.pem': wrongHost.keyPem + wrongHost.certPem,
    'client.pem': client.certPem,
    'client.key': client.keyPem,
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(layout.dir, name), text, { mode: 0o600 })
}

/**
 * @param {Layout} layout
 * @param {ReturnType<typeof import('./certificates.mjs').makeCertificates>} certificates
 * @returns {KafkaAddresses}
 */
export function addressesOf(layout, certificates) {
  /** @param {keyof typeof listenerOffsets} listener */
  const all = (listener) => idsOf(layout).map((id) => `127.0.0.1:${portOf(layout, id, listener)}`)
  return {
    bootstrap: all('PLAINTEXT'),
    sasl: all('SASL_PLAINTEXT'),
    saslSsl: all('SASL_SSL'),
    ssl: all('SSL'),
    wrongHost: all('WRONGHOST'),
    ca: certificates.ca.certPem,
    otherCa: certificates.otherCa.certPem,
    clientCert: certificates.client.certPem,
    clientKey: certificates.client.keyPem,
    dir: layout.dir,
  }
}
