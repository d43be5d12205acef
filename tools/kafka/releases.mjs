// The releases of Apache Kafka that can be started: each has a pom that names its jars.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** @typedef {import('./index.d.mts').ReleaseName} ReleaseName */
/**
 * @typedef {object} Release
 * @property {string} version
 * @property {string} pom path
 * @property {string} hash of the pom
 * @property {boolean} hasZooKeeper instead of KRaft
 */

/** @type {ReleaseName} */
export const latest = '4.3'

/**
 * @param {string} file
 * @param {boolean} hasZooKeeper
 * @returns {Release}
 */
function releaseIn(file, hasZooKeeper) {
  const pom = fileURLToPath(new URL(`./${file}`, import.meta.url))
  const text = readFileSync(pom, 'utf8')
  const version = /<kafka\.version>(.+?)</.exec(text)?.[1] ?? 'unknown'
  return { version, pom, hash: createHash('sha256').update(text).digest('hex').slice(0, 8), hasZooKeeper }
}

/** @type {Readonly<Record<ReleaseName, Release>>} */
export const releases = {
  2.1: releaseIn('pom-2.1.xml', true),
  3.9: releaseIn('pom-3.9.xml', false),
  4.3: releaseIn('pom.xml', false),
}
