// Runs one shell command with the pinned pnpm and node_modules/.bin on the PATH. Needs Node and npm, nothing else.
import { spawnSync } from 'node:child_process'
import { npxCommand } from './lib/npx.mjs'

const { command, args, options } = npxCommand(process.argv.slice(2).join(' '))
process.exit(spawnSync(command, args, { ...options, stdio: 'inherit' }).status ?? 1)
