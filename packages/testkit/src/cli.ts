import { readFileSync } from 'node:fs'
import { type CliHost, runCli } from './cli-run.ts'

const host: CliHost = {
  get version() {
    const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
    return (JSON.parse(text) as { version: string }).version
  },
  print: (text) => process.stdout.write(text),
  printError: (text) => process.stderr.write(text),
  // The handlers are removed, so a second signal ends the process immediately.
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
  // Exits explicitly: on its own, Node 20 can spin forever while it cleans up a socket whose peer has just disconnected
  // (CleanupHandles waits for the end of a dropped shutdown).
  process.stdout.write('', () => process.exit())
})
