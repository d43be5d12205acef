// Outlives its parent process briefly: when the parent ends in any way, the pipe on stdin closes, and the processes and
// folders that the parent registered are killed and removed.

import { rmSync } from 'node:fs'

/** @type {Set<number>} */
const pids = new Set()
/** @type {Set<string>} */
const folders = new Set()
let rest = ''

/** @param {string} line */
function obey(line) {
  const verb = line.slice(0, 4)
  const what = line.slice(5)
  if (verb === '+pid') pids.add(Number(what))
  else if (verb === '-pid') pids.delete(Number(what))
  else if (verb === '+dir') folders.add(what)
  else if (verb === '-dir') folders.delete(what)
}

function cleanUp() {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has already ended.
    }
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.on(signal, () => {})
process.stdin.setEncoding('utf8')
process.stdin.on('data', (/** @type {string} */ text) => {
  const lines = (rest + text).split('\n')
  rest = lines.pop() ?? ''
  for (const line of lines) obey(line)
})
process.stdin.on('end', cleanUp)
process.stdin.on('error', cleanUp)
