// A command as typed into a terminal: in a process group of its own, which Ctrl-C reaches as a whole.
import { spawn } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'

/**
 * @typedef {object} Running
 * @property {() => string} output all that it printed
 * @property {Promise<number | null>} ended its exit code; null when a signal ended it
 * @property {(pattern: RegExp) => Promise<boolean>} seen false when it ended without printing this
 * @property {() => void} keep it may run for longer than its timeout
 * @property {(signal: NodeJS.Signals) => void} kill
 */

const graceMs = 20_000

/**
 * @param {string} command
 * @param {string} cwd
 * @param {NodeJS.ProcessEnv} env
 * @param {number} timeoutMs after which it is killed
 * @returns {Running}
 */
export function startCommand(command, cwd, env, timeoutMs) {
  const child = spawn('sh', ['-c', command], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const kill = (/** @type {NodeJS.Signals} */ signal) => {
    try {
      process.kill(-(child.pid ?? 0), signal)
    } catch {
      // The group is gone already.
    }
  }
  const timer = setTimeout(() => kill('SIGKILL'), timeoutMs)
  let output = ''
  /** @type {Set<() => void>} */
  const watchers = new Set()
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      // With CI=true programs colour their output even in a pipe.
      output += stripVTControlCharacters(text)
      for (const watch of watchers) watch()
    })
  }
  /** @type {Promise<number | null>} */
  const ended = new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve(code)
    })
  })
  return {
    output: () => output,
    ended,
    keep: () => clearTimeout(timer),
    kill,
    seen: (pattern) =>
      new Promise((resolve) => {
        const watch = () => {
          if (pattern.test(output)) resolve(true)
        }
        watchers.add(watch)
        watch()
        ended.then(() => resolve(pattern.test(output)))
      }),
  }
}

/**
 * Ctrl-C, and the wait for its end.
 * @param {Running} running
 */
export async function interrupt(running) {
  running.kill('SIGINT')
  const timer = setTimeout(() => running.kill('SIGKILL'), graceMs)
  await running.ended
  clearTimeout(timer)
}
