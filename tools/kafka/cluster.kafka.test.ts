import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { skipReason } from '../skip-reason.ts'
import { available } from './index.mjs'
import { countBrokers } from './probe.mjs'

const can = available()
const parent = fileURLToPath(new URL('./test-parent.mjs', import.meta.url))

describe.skipIf(!can.ok && process.env.CI !== 'true')('a real Kafka', skipReason(can.ok ? '' : can.reason), () => {
  test('dies and leaves no data when its parent is killed', { timeout: 120_000 }, async () => {
    const child = spawn(process.execPath, [parent], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await once(child.stdout, 'data')
    const { port, dir } = JSON.parse(String(line)) as { port: number; dir: string }
    expect(await countBrokers(port)).toBe(1)
    expect(existsSync(dir)).toBe(true)

    child.kill('SIGKILL')

    while (existsSync(dir)) await sleep(50)
    expect(await countBrokers(port)).toBe(0)
  })
})
