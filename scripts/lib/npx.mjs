import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * How to start `shellCommand` with the pnpm that package.json pins. npx fetches it on the first use and keeps it.
 * @param {string} shellCommand
 */
export function npxCommand(shellCommand) {
  const { packageManager } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', NO_UPDATE_NOTIFIER: '1' }
  // With NODE_ENV=production pnpm would leave out the development dependencies, and nothing could be built.
  delete env.NODE_ENV
  // `npm run -s` hands its silence down, and pnpm would not say why it failed.
  delete env.npm_config_loglevel
  const args = ['--yes', '--loglevel=error', `--package=${packageManager}`, '-c', shellCommand]
  // Windows starts npx.cmd through its shell, which must not see the && of the command.
  const shell = process.platform === 'win32'
  return { command: 'npx', args: shell ? args.map((arg) => `"${arg}"`) : args, options: { cwd: root, env, shell } }
}
