// node main.js BLOCK SOURCE: executes a block of the documentation. It fails when the block throws, when one of its clients
// cannot reach its cluster, when a loop over a consumer received nothing, or when something is left open at the end.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { setGlobals } from './globals.ts'
import { clusterOfTheBlock, made } from './world.ts'

const exitTimeoutMs = 5_000

async function finish(): Promise<void> {
  for (const [, count] of made.received) assert(count > 0, 'a consumer of this block received nothing')
  for (const client of made.clients) {
    if (client.health().status === 'closed') continue
    await client.ready({ timeoutMs: 5_000 })
    await client.close()
  }
  for (const cluster of [...made.clusters, clusterOfTheBlock()]) await cluster.close()
  setTimeout(() => {
    console.error('The process does not end: something is still open:', process.getActiveResourcesInfo())
    process.exit(1)
  }, exitTimeoutMs).unref()
}

const [, , block = '', source = ''] = process.argv
const code = readFileSync(source, 'utf8')
await setGlobals(code)
await import(pathToFileURL(block).href)
if (/from 'node:test'/.test(code)) {
  // The tests of the block run after its import.
  const { after } = await import('node:test')
  after(finish)
} else {
  await finish()
}
