import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A command that judges, or why there is none. */
export type Tool =
  | { readonly missing: undefined; readonly command: readonly string[] }
  | { readonly missing: string; readonly command?: undefined }

const programs = fileURLToPath(new URL('./programs/', import.meta.url))
/** Has KafkaJS and @platformatic/kafka, to compare with. */
const benchmarks = fileURLToPath(new URL('../../../../benchmarks/', import.meta.url))
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ottla-judges')
const prepareTimeoutMs = 280_000

/** A program of Python, with its packages. */
export function pythonJudge(program: string): Promise<Tool> {
  const requirements = join(programs, 'requirements.txt')
  const make = async (folder: string) => {
    await run(['python3', '-m', 'venv', folder])
    await run([join(folder, 'bin/python'), '-m', 'pip', 'install', '-q', '-r', requirements])
  }
  return prepared('python', [requirements], make, (folder) => [join(folder, 'bin/python'), join(programs, program)])
}

/** A program of Go, built. */
export function goJudge(name: string): Promise<Tool> {
  const cwd = join(programs, name)
  const files = ['go.mod', 'go.sum', 'main.go'].map((file) => join(cwd, file))
  const env = { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-buildvcs=false' }
  const make = (folder: string) => run(['go', 'build', '-o', join(folder, name), '.'], { cwd, env })
  return prepared(name, files, make, (folder) => [join(folder, name)])
}

/** A program of Java in one file, with the jars that a pom names. */
export function javaJudge(name: string, main: string): Promise<Tool> {
  const pom = join(programs, name, 'pom.xml')
  const make = (folder: string) => {
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`, '-DincludeScope=runtime']
    return run(['mvn', '-q', '-B', '-f', pom, ...goal])
  }
  const flags = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  return prepared(name, [pom], make, (folder) => ['java', ...flags, '-cp', `${folder}/*`, join(programs, name, main)])
}

/** A program of Node, with the packages of the benchmarks. */
export function nodeJudge(program: string): (bootstrap: string) => readonly string[] {
  return (bootstrap) => [process.execPath, join(programs, program), bootstrap, benchmarks]
}

/** What a program prints last, as JSON. Rejects with all that it printed when it fails. */
export async function verdict(command: readonly string[], timeoutMs: number): Promise<Record<string, unknown>> {
  const output = await run(command, { timeoutMs })
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>
}

/** Makes a folder once for each state of the files that it is made of; a file beside it says that it is whole. */
async function prepared(
  name: string,
  files: readonly string[],
  make: (folder: string) => Promise<unknown>,
  commandIn: (folder: string) => readonly string[],
): Promise<Tool> {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(file))
  const folder = join(cache, `${name}-${hash.digest('hex').slice(0, 10)}`)
  const mark = `${folder}.whole`
  try {
    if (!existsSync(mark)) {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder, { recursive: true })
      await make(folder)
      writeFileSync(mark, '')
    }
    return { missing: undefined, command: commandIn(folder) }
  } catch (error) {
    return { missing: `${name}: ${(error as Error).message.split('\n')[0]}` }
  }
}

interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

/** Its output; rejects with what it printed when it fails or takes too long. */
function run(
  [command = '', ...args]: readonly string[],
  { cwd, env, timeoutMs = prepareTimeoutMs }: RunOptions = {},
): Promise<string> {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let all = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    all += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    all += text
  })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(new Error(`${command} does not run: ${error.message}`))
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (code === 0) resolve(output)
      else reject(new Error(`${command} ended with ${code ?? signal}\n${all}`))
    })
  })
}
