// Starts Java programs with Kafka's jars, and ensures that none outlives this process.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { distribution } from './distribution.mjs'

const logging = fileURLToPath(new URL('./log4j2.properties', import.meta.url))
const olderLogging = new URL('./log4j.properties', import.meta.url).href
const watchdogPath = fileURLToPath(new URL('./watchdog.mjs', import.meta.url))
const toolFlags = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

/** @type {import('node:stream').Writable | undefined} */
let watchdog

/**
 * Sends a message to the watchdog, which reads our pipe until this process ends, and then kills and removes what is left.
 * @param {`${'+pid' | '-pid' | '+dir' | '-dir'} ${string | number}`} message
 */
export function tellWatchdog(message) {
  if (!watchdog) {
    const child = spawn(process.execPath, [watchdogPath], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
    child.unref()
    child.stdin.on('error', () => {})
    watchdog = child.stdin
  }
  watchdog.write(`${message}\n`)
}

/**
 * @template {import('node:child_process').ChildProcess} C
 * @param {C} child
 * @returns {C}
 */
export function watched(child) {
  const { pid } = child
  if (pid === undefined) return child
  tellWatchdog(`+pid ${pid}`)
  child.once('exit', () => tellWatchdog(`-pid ${pid}`))
  return child
}

/**
 * @param {import('./index.d.mts').Distribution} found
 * @param {readonly string[]} args flags and main class, or a source file
 */
export function javaArguments(found, args) {
  const logged = [`-Dlog4j2.configurationFile=${logging}`, `-Dlog4j.configuration=${olderLogging}`]
  return [...logged, '-Xshare:auto', '-cp', `${found.libs}/*`, ...args]
}

/** @type {typeof import('./index.d.mts').spawnJava} */
export function spawnJava(found, args) {
  return watched(spawn(found.java, javaArguments(found, [...toolFlags, ...args]), { stdio: ['pipe', 'pipe', 'pipe'] }))
}

/** @type {typeof import('./index.d.mts').runJava} */
export async function runJava(mainClass, args, options = {}) {
  const { input, timeoutMs = 40_000, release } = options
  const child = spawnJava(await distribution(undefined, release), [mainClass, ...args])
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  child.stdin?.on('error', () => {})
  child.stdin?.end(input ?? '')
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`${mainClass} ${args.join(' ')} took longer than ${timeoutMs} ms\n${stdout}\n${stderr}`))
    }, timeoutMs)
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ code: code ?? -1, stdout, stderr })
    })
  })
}
