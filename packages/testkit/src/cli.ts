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
})
