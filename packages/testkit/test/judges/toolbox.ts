import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A judge's command, or why it is unavailable. */
export type Tool =
  | { readonly missing: undefined; readonly command: readonly string[] }
  | { readonly missing: string; readonly command?: undefined }

const programs = fileURLToPath(new URL('./programs/', import.meta.url))
/** The folder with KafkaJS and @platformatic/kafka. */
const benchmarks = fileURLToPath(new URL('../../../../benchmarks/', import.meta.url))
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'ottla-judges')
const prepareTimeoutMs = 280_000

/** A Python program with its packages. */
export function pythonJudge(program: string): Promise<Tool> {
  const requirements = join(programs, 'requirements.txt')
  const make = async (folder: string) => {
    await run(['python3', '-m', 'venv', folder])
    await run([join(folder, 'bin/python'), '-m', 'pip', 'install', '-q', '-r', requirements])
  }
  return prepared('python', [requirements], make, (folder) => [join(folder, 'bin/python'), join(programs, program)])
}

/** A built Go program. */
export function goJudge(name: string): Promise<Tool> {
  const cwd = join(programs, name)
  const files = ['go.mod', 'go.sum', 'main.go'].map((file) => join(cwd, file))
  const env = { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-buildvcs=false' }
  const make = (folder: string) => run(['go', 'build', '-o', join(folder, name), '.'], { cwd, env })
  return prepared(name, files, make, (folder) => [join(folder, name)])
}

/** A single-file Java program with the jars of a pom. */
export function javaJudge(name: string, main: string): Promise<Tool> {
  const pom = join(programs, name, 'pom.xml')
  const make = (folder: string) => {
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`, '-DincludeScope=runtime']
    return run(['mvn', '-q', '-B', '-f', pom, ...goal])
  }
  const flags = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  return prepared(name, [pom], make, (folder) => ['java', ...flags, '-cp', `${folder}/*`, join(programs, name, main)])
}

/** A Node program with the packages of the benchmarks. */
export function nodeJudge(program: string): (bootstrap: string) => readonly string[] {
  return (bootstrap) => [process.execPath, join(programs, program), bootstrap, benchmarks]
}

/** The last line a program prints, as JSON. Rejects with the whole output when it fails. */
export async function verdict(command: readonly string[], timeoutMs: number): Promise<Record<string, unknown>> {
  const output = await run(command, { timeoutMs })
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>
}

/** Prepares a folder once per state of its source files; a marker file next to it shows that it is complete. */
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

/** The output of a command; rejects with the whole output when it fails or times out. */
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
      reject(new Error(`${command} cannot be started: ${error.message}`))
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (code === 0) resolve(output)
      else reject(new Error(`${command} exited with ${code ?? signal}\n${all}`))
    })
  })
}
