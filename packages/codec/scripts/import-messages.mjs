// Writes src/api, src/data and the generated part of src/index.ts from the message definitions in the jars of Kafka.
//
//   node scripts/import-messages.mjs [--check] <folder with Kafka's jars>
//
// With --check nothing is written: the exit code is 1 if a file differs from what would be.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Imports, readJar, TableWriter } from './definitions.mjs'
import { call, inline, print } from './print-table.mjs'

const jarsWithMessages = ['kafka-clients', 'group-coordinator', 'transaction-coordinator', 'share-coordinator']
/** They have generated code beside their tables: scripts/write-generated.ts writes it. */
const generatedMessages = ['Fetch', 'Metadata', 'Produce']
const root = fileURLToPath(new URL('..', import.meta.url))
const src = join(root, 'src')
// The empty line keeps Biome from sorting what is before and what is after it into one list.
const marker = '// From here on written by scripts/import-messages.mjs.\n\n'

function main(args) {
  const check = args.includes('--check')
  const folder = args.find((arg) => !arg.startsWith('--'))
  if (folder === undefined) throw new Error('usage: import-messages.mjs [--check] <folder with the jars of Kafka>')
  const files = formatted(filesFrom(jarsIn(folder).flatMap(readJar)))
  const differing = differences(files)
  if (check) {
    for (const path of differing) console.error(`${path} differs from the definitions`)
    console.log(`${files.size} files compared, ${differing.length} differ`)
    process.exitCode = differing.length === 0 ? 0 : 1
    return
  }
  for (const path of differing) {
    if (files.has(path)) writeFileSync(join(src, path), files.get(path))
    else rmSync(join(src, path))
  }
  console.log(`${files.size} files, ${differing.length} written or removed`)
}

function jarsIn(folder) {
  const names = readdirSync(folder)
  return jarsWithMessages.map((wanted) => {
    const found = names.filter((name) => new RegExp(`^(kafka-)?${wanted}-[\\d.]+\\.jar$`).test(name))
    if (found.length !== 1) throw new Error(`${found.length} jars of ${wanted} in ${folder}, one is needed`)
    return join(folder, found[0])
  })
}

/** What is to be in src: path to text. */
function filesFrom(definitions) {
  const current = definitions.filter((definition) => definition.validVersions !== 'none')
  const responses = new Map(current.filter((d) => d.type === 'response').map((d) => [d.apiKey, d]))
  const apis = current.filter((d) => d.type === 'request').map((d) => apiFile(d, responses.get(d.apiKey)))
  const data = current.filter((d) => d.type !== 'request' && d.type !== 'response').map(dataFile)
  apis.sort((a, b) => a.key - b.key)
  data.sort((a, b) => (a.name < b.name ? -1 : 1))
  const written = readFileSync(join(src, 'index.ts'), 'utf8')
  if (!written.includes(marker)) throw new Error(`src/index.ts lacks the line ${JSON.stringify(marker)}`)
  return new Map([
    ...[...apis, ...data].map(({ path, text }) => [path, text]),
    ['api/registry.ts', registryFile(apis)],
    ['index.ts', written.slice(0, written.indexOf(marker)) + marker + exportList(apis, data)],
  ])
}

function apiFile(request, response) {
  const name = request.name.replace(/Request$/, '')
  const imports = new Imports()
  const constants = new Map()
  const tables = {
    request: new TableWriter(request, imports, constants).struct(request.fields),
    response: new TableWriter(response, imports, constants).struct(response.fields),
  }
  const { latestVersionUnstable } = request
  const unstable = latestVersionUnstable ? { latestVersionUnstable } : {}
  const code = ['Request', 'Response'].map((half) => `${name[0].toLowerCase()}${name.slice(1)}${half}Code`)
  const isGenerated = generatedMessages.includes(name)
  const generated = isGenerated ? { generated: { request: inline(code[0]), response: inline(code[1]) } } : {}
  const options = { key: request.apiKey, ...head(request, name), ...unstable, ...tables, ...generated }
  const generatedImport = isGenerated ? `import { ${code.join(', ')} } from '../generated/${kebab(name)}.ts'\n` : ''
  const text = `${generatedImport}import { api } from '../schema/api.ts'
import { ${imports} } from '../schema/fields.ts'
import type { Decoded, Encodable } from '../schema/infer.ts'

${constantsText(constants)}export const ${name} = /* @__PURE__ */ ${print(call('api', options), 0, true)}

export interface ${name}Request extends Encodable<typeof ${name}.request> {}
export interface ${name}Response extends Decoded<typeof ${name}.response> {}
`
  const number = String(request.apiKey).padStart(2, '0')
  return { path: `api/${number}-${kebab(name)}.ts`, text, name, key: request.apiKey }
}

function dataFile(definition) {
  const { name } = definition
  const imports = new Imports()
  const constants = new Map()
  const fields = new TableWriter(definition, imports, constants).struct(definition.fields)
  const options = { ...head(definition, name), fields }
  const fieldImports = String(imports) === '' ? '' : `import { ${imports} } from '../schema/fields.ts'\n`
  const text = `import { message } from '../schema/api.ts'
${fieldImports}import type { Decoded } from '../schema/infer.ts'

${constantsText(constants)}export const ${name} = /* @__PURE__ */ ${print(call('message', options), 0, true)}

export interface ${name} extends Decoded<typeof ${name}> {}
`
  return { path: `data/${kebab(name)}.ts`, text, name }
}

function head({ validVersions, flexibleVersions }, name) {
  const flexible = flexibleVersions && flexibleVersions !== 'none' ? { flexible: flexibleVersions } : {}
  return { name, versions: validVersions, ...flexible }
}

function constantsText(constants) {
  return [...constants].map(([name, table]) => `const ${name} = ${print(table, 0, true)}\n\n`).join('')
}

function registryFile(apis) {
  const imports = apis.map(({ name, path }) => `import { ${name} } from './${path.slice('api/'.length)}'\n`).join('')
  return `import type { Api } from '../schema/api.ts'
${imports}
/** Every API, in the order of their keys. */
export const allApis: readonly Api[] = [
${apis.map(({ name }) => `  ${name},\n`).join('')}]

let byKey: (Api | undefined)[] | undefined

/** The API of a key, or undefined for one that Kafka removed or that is not known here. */
export function apiOf(key: number): Api | undefined {
  if (byKey === undefined) {
    byKey = []
    for (const api of allApis) byKey[api.key] = api
  }
  return byKey[key]
}
`
}

function exportList(apis, data) {
  const ofApi = ({ name, path }) => `export { ${name}, type ${name}Request, type ${name}Response } from './${path}'\n`
  const ofData = ({ name, path }) => `export { ${name} } from './${path}'\n`
  return [...apis.map(ofApi), ...data.map(ofData)].join('')
}

function kebab(name) {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .toLowerCase()
}

/** The same files in the form that the repository keeps its sources in. */
function formatted(files) {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-messages-'))
  try {
    for (const [path, text] of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    const { formatter, javascript } = JSON.parse(readFileSync(join(root, '../../biome.json'), 'utf8'))
    writeFileSync(join(folder, 'biome.json'), JSON.stringify({ formatter, javascript }))
    const biome = join(root, '../../node_modules/.bin/biome')
    // The checks as well as the format, because they sort imports and exports.
    execFileSync(biome, ['check', '--write', '--linter-enabled=false', '.'], { cwd: folder, stdio: 'pipe' })
    return new Map([...files.keys()].map((path) => [path, readFileSync(join(folder, path), 'utf8')]))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The paths whose text differs, those that are missing, and those that should not be there. */
function differences(files) {
  const there = ['api', 'data'].flatMap((folder) => readdirSync(join(src, folder)).map((name) => `${folder}/${name}`))
  const superfluous = there.filter((path) => !files.has(path) && !path.endsWith('.test.ts'))
  const changed = [...files].filter(([path, text]) => {
    return !existsSync(join(src, path)) || readFileSync(join(src, path), 'utf8') !== text
  })
  return [...changed.map(([path]) => path), ...superfluous]
}

main(process.argv.slice(2))
