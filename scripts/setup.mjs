// `npm run setup`: fetches pnpm and the dependencies, then builds every package. Every other command runs it first; when no
// input has changed since the last time, it only compares the names, sizes and times of the files (under 0.1 s).
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { npxCommand, root } from './lib/npx.mjs'
import { fingerprint, isUpToDate, markUpToDate } from './lib/setup-stamp.mjs'

const firstTime = !existsSync(join(root, 'node_modules', '.modules.yaml'))
const install = 'pnpm install --frozen-lockfile --config.confirmModulesPurge=false'
const build = 'turbo run build --ui=stream'

/** Shows all output immediately. */
function loud() {
  console.log('First run: fetching pnpm and the dependencies, then building. This takes about half a minute.')
  return run(`${install} --reporter=append-only --loglevel=info && ${build} --output-logs=errors-only`, 'inherit')
}

/** Prints nothing unless it fails or takes a while. */
async function quiet() {
  const notice = setTimeout(() => console.log('Building what changed …'), 2_500)
  const { code, output } = await run(
    `${install} --reporter=append-only --loglevel=error && ${build} --output-logs=errors-only`,
    'pipe',
  )
  clearTimeout(notice)
  if (code !== 0) process.stdout.write(output)
  return { code }
}

/**
 * @param {string} shellCommand
 * @param {'inherit' | 'pipe'} output
 * @returns {Promise<{ code: number, output: string }>}
 */
function run(shellCommand, output) {
  const { command, args, options } = npxCommand(shellCommand)
  const child = spawn(command, args, { ...options, stdio: ['ignore', output, output] })
  let text = ''
  const keep = (chunk) => {
    text += chunk
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: 1, output: `${text}${error.message}\n` }))
    child.on('close', (code) => resolve({ code: code ?? 1, output: text }))
  })
}

const inputs = fingerprint()
if (!firstTime && isUpToDate(inputs)) process.exit(0)
const { code } = firstTime ? await loud() : await quiet()
if (code === 0) markUpToDate(inputs)
else console.error('Setup failed: see the lines above.')
process.exit(code)
