// `npm run docs:api`: writes the API reference to artifacts/api. Fails when an exported signature names a type that its
// package does not export, or when a link in a doc comment leads nowhere. With `--check` it only does these checks.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Application, LogLevel } from 'typedoc'
import { root } from '../lib/npx.mjs'

const common = {
  logLevel: LogLevel.Warn,
  readme: 'none',
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
}

/** The source of every entry of a package. */
function entryPoints(folder) {
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return Object.values(exports).flatMap((entry) =>
    entry['@ottla/source'] ? [join(folder, entry['@ottla/source'])] : [],
  )
}

/** Reads a package and validates it. Each package alone: TypeDoc checks only the types of the package it reads. */
async function convert(folder) {
  const app = await Application.bootstrap({
    ...common,
    entryPoints: entryPoints(folder),
    tsconfig: join(folder, 'tsconfig.build.json'),
    excludeInternal: true,
    excludePrivate: true,
    excludeExternals: true,
    // `npm run typecheck` did that.
    skipErrorChecking: true,
    validation: { notExported: true, invalidLink: true, invalidPath: true, notDocumented: false },
  })
  const t = performance.now()
  const project = await app.convert()
  console.log(folder, performance.now() - t)
  if (project !== undefined) app.validate(project)
  return { app, project, failed: project === undefined || app.logger.hasErrors() || app.logger.hasWarnings() }
}

for (const name of readdirSync(join(root, 'packages'))) {
  await convert(join(root, 'packages', name))
}
