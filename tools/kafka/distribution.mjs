// Finds Java, and downloads the jars of Apache Kafka through Maven into the user's cache.

import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { latest, releases } from './releases.mjs'

const neededJava = 17
const attempts = 3
const zipEnd = Buffer.from([0x50, 0x4b, 0x05, 0x06])

/** @typedef {import('./releases.mjs').Release} Release */

export const kafkaVersion = releases[latest].version

/** Its name contains a hash of the pom, so that a change there invalidates it. @param {Release} release */
function libsFolder({ version, hash }) {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  return join(cache, 'ottla-kafka', `${version}-${hash}`)
}

/** @type {{ ok: true, java: string } | { ok: false, reason: string } | undefined} */
let foundJava

function findJava() {
  foundJava ??= lookForJava()
  return foundJava
}

/** @returns {{ ok: true, java: string } | { ok: false, reason: string }} */
function lookForJava() {
  const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin', 'java') : 'java'
  const response = spawnSync(java, ['-version'], { encoding: 'utf8' })
  if (response.error || response.status !== 0) {
    return { ok: false, reason: `Java ${neededJava} or newer is needed, but "${java}" does not run` }
  }
  const major = Number(/version "(?:1\.)?(\d+)/.exec(response.stderr)?.[1])
  if (!(major >= neededJava)) {
    return { ok: false, reason: `Java ${neededJava} or newer is needed, but "${java}" is Java ${major}` }
  }
  return { ok: true, java }
}

/** @param {string} folder */
function exists(folder) {
  return statSync(folder, { throwIfNoEntry: false }) !== undefined
}

/** @type {typeof import('./index.d.mts').available} */
export function available(name = latest) {
  const java = findJava()
  if (!java.ok) return java
  if (exists(libsFolder(releases[name])) || spawnSync('mvn', ['-v']).status === 0) return { ok: true }
  return { ok: false, reason: 'Maven is needed to fetch Apache Kafka, but "mvn" does not run' }
}

/** @type {import('./index.d.mts').Log} */
export const logToStderr = (line) => {
  process.stderr.write(`kafka: ${line}\n`)
}

/** @type {typeof import('./index.d.mts').distribution} */
export async function distribution(log = logToStderr, name = latest) {
  const can = available(name)
  if (!can.ok) throw new Error(`no real Kafka here: ${can.reason}`)
  const java = findJava()
  if (!java.ok) throw new Error(java.reason)
  const release = releases[name]
  const libs = libsFolder(release)
  if (!exists(libs)) await downloadAlone(release, libs, log)
  return { java: java.java, libs }
}

/**
 * One process downloads while others wait; the lock of a dead process is taken over.
 * @param {Release} release
 * @param {string} libs
 * @param {import('./index.d.mts').Log} log
 */
async function downloadAlone(release, libs, log) {
  const lock = `${libs}.lock`
  await mkdir(join(libs, '..'), { recursive: true })
  let hasLogged = false
  while (!exists(libs)) {
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx' })
    } catch (cause) {
      if (/** @type {NodeJS.ErrnoException} */ (cause).code !== 'EEXIST') throw cause
      const holder = Number(await readFile(lock, 'utf8').catch(() => ''))
      if (holder > 0 && !isAlive(holder)) await rm(lock, { force: true })
      else if (!hasLogged) log(`waiting for process ${holder}, which downloads Apache Kafka`)
      hasLogged = true
      await sleep(200)
      continue
    }
    try {
      await download(release, libs, log)
    } finally {
      await rm(lock, { force: true })
    }
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return /** @type {NodeJS.ErrnoException} */ (cause).code === 'EPERM'
  }
}

/**
 * The jars become visible by one rename once all are complete; leftovers of an interrupted download are deleted.
 * @param {Release} release
 * @param {string} libs
 * @param {import('./index.d.mts').Log} log
 */
async function download({ version, pom }, libs, log) {
  const partial = `${libs}.partial`
  for (let attempt = 1; ; attempt++) {
    await rm(partial, { recursive: true, force: true })
    log(`fetching Apache Kafka ${version} through Maven, about 55 MB, once`)
    const failure = (await copyJars(pom, partial, log)) ?? (await findBroken(partial))
    if (failure === undefined) break
    if (attempt === attempts) throw new Error(`cannot fetch Apache Kafka ${version}: ${failure}`)
    log(`${failure}; trying again`)
  }
  await rename(partial, libs)
  log(`Apache Kafka ${version} is in ${libs}`)
}

/**
 * @param {string} pom
 * @param {string} folder
 * @param {import('./index.d.mts').Log} log
 * @returns {Promise<string | undefined>} what went wrong
 */
function copyJars(pom, folder, log) {
  const goal = [
    '-B',
    '-f',
    pom,
    'dependency:copy-dependencies',
    `-DoutputDirectory=${folder}`,
    '-DincludeScope=runtime',
  ]
  const maven = spawn('mvn', goal, { stdio: ['ignore', 'pipe', 'inherit'] })
  /** @type {string[]} */
  const lastLines = []
  let files = 0
  let toldAtMs = 0
  let rest = ''
  maven.stdout.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const jar = /Downloaded from .*\/([^/]+\.jar) (\(.*\))/.exec(line)
      if (/ERROR/.test(line)) lastLines.push(line.trim())
      if (!jar) continue
      files++
      if (Date.now() - toldAtMs < 1000) continue
      toldAtMs = Date.now()
      log(`${files} files, now ${jar[1]} ${jar[2]}`)
    }
  })
  return new Promise((resolve) => {
    maven.on('error', (error) => resolve(`Maven does not run: ${error.message}`))
    maven.on('close', (code) => {
      resolve(code === 0 ? undefined : `Maven ended with ${code}: ${lastLines.slice(0, 3).join(' ')}`)
    })
  })
}

/**
 * A truncated jar lacks the directory at the end of a zip file.
 * @param {string} folder
 * @returns {Promise<string | undefined>} what is wrong with it
 */
async function findBroken(folder) {
  const jars = (await readdir(folder)).filter((name) => name.endsWith('.jar'))
  if (!jars.some((name) => name.startsWith('kafka_'))) return 'Maven brought no broker'
  for (const name of jars) {
    const path = join(folder, name)
    const { size } = await stat(path)
    const tail = Buffer.alloc(Math.min(size, 65_557))
    const file = openSync(path, 'r')
    readSync(file, tail, 0, tail.length, size - tail.length)
    closeSync(file)
    if (tail.lastIndexOf(zipEnd) < 0) return `${name} is cut short; remove it from Maven's local repository`
  }
  return undefined
}
