// `npm run docs:api`: writes the API reference to artifacts/api. Fails when an exported signature names a type that its
// package does not export, or when a link in a doc comment leads nowhere. `npm run check:api` only does these checks.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Application, LogLevel } from 'typedoc'
import { root } from '../lib/npx.mjs'

const packagesFolder = join(root, 'packages')
const out = join(root, 'artifacts/api')

/**
 * What an exported type is computed from: tables of values, and helpers that infer the type of a message from its table. The
 * result is all that a user needs of them.
 */
const inferredFrom = {
  ottla: ['clientErrorCodes'],
  '@ottla/codec': [
    ...['errorTable', 'controlTypes'],
    ...['Accepted', 'DecodedOf', 'NoOptions', 'NullOf', 'OptionalFields', 'PresenceOf', 'RequiredFields'],
  ],
  '@ottla/testkit': ['Codec'],
}

const common = { logLevel: LogLevel.Warn, readme: 'none', validation: { notExported: true, invalidLink: true } }

/** Reads a package and checks it. Each package alone, because TypeDoc checks only the types of the package that it reads. */
async function convert(folder) {
  const { name, exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const app = await Application.bootstrap({
    ...common,
    name,
    entryPoints: Object.values(exports).flatMap((entry) =>
      entry['@ottla/source'] === undefined ? [] : [join(folder, entry['@ottla/source'])],
    ),
    tsconfig: join(folder, 'tsconfig.json'),
    intentionallyNotExported: inferredFrom[name] ?? [],
    excludeInternal: true,
    excludePrivate: true,
    excludeExternals: true,
    // `npm run typecheck` finds these.
    skipErrorChecking: true,
  })
  const project = await app.convert()
  if (project === undefined) throw new Error(`TypeDoc could not read ${name}`)
  app.validate(project)
  return { app, project, isClean: !app.logger.hasErrors() && !app.logger.hasWarnings() }
}

/** Writes one reference for all packages. */
async function generate(packages) {
  const folder = mkdtempSync(join(tmpdir(), 'ottla-api-'))
  try {
    const entryPoints = packages.map(({ app, project }, i) => {
      const file = join(folder, `${i}.json`)
      writeFileSync(file, JSON.stringify(app.serializer.projectToObject(project, root)))
      return file
    })
    const app = await Application.bootstrap({ ...common, name: 'ottla', entryPointStrategy: 'merge', entryPoints })
    const project = await app.convert()
    if (project === undefined) throw new Error('TypeDoc could not merge the packages')
    await app.generateDocs(project, out)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const packages = []
for (const name of readdirSync(packagesFolder)) packages.push(await convert(join(packagesFolder, name)))
const failed = packages.some(({ isClean }) => !isClean)
if (failed) console.error('Export the types above from the index of their package, or mark what names them @internal.')
else if (!process.argv.includes('--check')) {
  rmSync(out, { recursive: true, force: true })
  await generate(packages)
  console.log('artifacts/api/index.html')
}
process.exit(failed ? 1 : 0)
