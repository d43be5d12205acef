import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { crash } from './crash.ts'

/** `npm run crash -- testkit [--kills 50] [--fsync always|os]`: exits with 0 when no acknowledged record is missing. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { kills: { type: 'string', default: '50' }, fsync: { type: 'string', default: 'always' } },
  })
  const dataDir = mkdtempSync(join(tmpdir(), 'ottla-crash-'))
  const report = await crash({
    cli: resolve('dist/cli.js'),
    dataDir,
    fsync: values.fsync === 'os' ? 'os' : 'always',
    kills: Number(values.kills),
    random: () => Math.random(),
    upToMs: 600,
    onKill: (text) => console.log(text),
  })
  const { kills, acknowledged, problems, slowestStartMs } = report
  for (const problem of problems) console.log(problem)
  console.log(`${kills} kills, ${acknowledged} acknowledged, slowest start ${Math.round(slowestStartMs)} ms`)
  console.log(problems.length === 0 ? 'all there, each once and in order' : `NOT as acknowledged; see ${dataDir}`)
  if (problems.length === 0) rmSync(dataDir, { recursive: true })
  return problems.length === 0 ? 0 : 1
}

process.exitCode = await main()
