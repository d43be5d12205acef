import { readFileSync } from 'node:fs'
import { type CliHost, runCli } from './cli-run.ts'

const host: CliHost = {
  get version() {
    const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
    return (JSON.parse(text) as { version: string }).version
  },
  print: (text) => process.stdout.write(text),
  printError: (text) => process.stderr.write(text),
  // A second signal ends the process at once, as without a handler.
  stopSignal: () =>
    new Promise((resolve) => {
      const stop = (): void => {
        process.removeListener('SIGINT', stop)
        process.removeListener('SIGTERM', stop)
        resolve()
      }
      process.on('SIGINT', stop)
      process.on('SIGTERM', stop)
    }),
}

runCli(process.argv.slice(2), host).then((exitCode) => {
  process.exitCode = exitCode
  // Nothing is left to be done. Left to itself, Node 20 can spin for ever while it cleans up a socket whose peer has just gone
  // (CleanupHandles waits for the end of a shutdown that was dropped).
  process.stdout.write('', () => process.exit())
})
