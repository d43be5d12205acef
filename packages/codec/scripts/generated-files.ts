import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { Produce } from '../src/api/00-produce.ts'
import { Fetch } from '../src/api/01-fetch.ts'
import { Metadata } from '../src/api/03-metadata.ts'
import type { Api } from '../src/schema/api.ts'
import { generatedCode } from './generated-code.ts'

/**
 * What is to be in src/generated: path to text, formatted as the repository keeps its sources.
 * @param repository its folder
 */
export function generatedFiles(repository: string): Map<string, string> {
  const apis: Api[] = [Fetch, Metadata, Produce]
  const biome = join(repository, 'node_modules/.bin/biome')
  return new Map(
    apis.map((api) => {
      const path = `packages/codec/src/generated/${api.name.toLowerCase()}.ts`
      // The checks as well as the format, because they sort imports.
      const args = ['check', '--write', '--linter-enabled=false', `--stdin-file-path=${path}`]
      const options = { cwd: repository, input: generatedCode(api), encoding: 'utf8' } as const
      return [path, execFileSync(biome, args, options)]
    }),
  )
}
